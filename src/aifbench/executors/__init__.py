"""Ways to start processes. The only package that starts any."""
