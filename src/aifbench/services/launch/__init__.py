"""Programs that run in a service's own process: `python -m aifbench.services.launch.NAME …`.

They are what an executor starts where a server needs more than its own command line: a generated model, a data
directory, a secret in a file. They end quickly on SIGTERM and take everything they started with them.
"""
