"""The commands, a module each for those that belong together; `cli.py` names them."""
