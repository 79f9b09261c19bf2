"""Results in, text or bytes out. The last step of a run; it measures nothing, computes no metric and opens no file
but its own template. Whoever calls it stores what it returns.
"""
