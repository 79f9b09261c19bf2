"""Bad input of every kind, through the command line; `table.py` says which test is about what."""
