"""What a source shows without being run: places where distillation code is wrong, or is worth a look.

``code`` is a file as a tree, ``form`` the one form of what can be written in many ways, ``scopes`` which values a name
may have, ``made`` what is called, ``meaning`` what an expression is (probabilities, log-probabilities, whose),
``loops`` where gradients are made, used and cleared, ``rules/`` a file each for what is looked for, ``read`` files and
folders, ``view`` the answer.
Nothing here imports torch, or the code that is read.
"""
