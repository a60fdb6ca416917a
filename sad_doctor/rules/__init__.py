"""The red flags, one file each."""

from sad_doctor.rule import Rule

RULES: tuple[Rule, ...] = ()
