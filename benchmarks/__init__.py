"""What every performance figure of this project is produced by: one module a question, one command each.

``python -m benchmarks.<name>`` prints the figures, and leaves them as JSON, many also as a plot, in
``benchmarks/results``. Figures that are compared are measured in one run on one machine.
"""
