"""One file per kind of chart: from a result to a plotly figure as plain data. Nothing here imports plotly."""
