"""Programs that aifbench can deploy or address: one file each, one line each in the table of `services.base`."""
