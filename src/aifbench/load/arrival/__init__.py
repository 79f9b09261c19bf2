"""Arrival processes: one file each, named by the recipe's word."""
