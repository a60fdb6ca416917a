from sad_doctor.readers.remembered import LONGEST, remembered


def test_a_name_is_worked_out_once_and_a_long_one_is_not_held():
    asked = []

    @remembered
    def meaning(name):
        """Say how long it is."""
        asked.append(len(name))
        return len(name)

    for name in ("loss", "loss", "x" * (LONGEST + 1), "x" * (LONGEST + 1)):
        assert meaning(name) == len(name)
    assert asked == [4, LONGEST + 1, LONGEST + 1]
    assert meaning.__doc__ == "Say how long it is."
