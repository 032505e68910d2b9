"""What the README may claim about speed, as commands: ratios within one run, on the reader's own machine."""
