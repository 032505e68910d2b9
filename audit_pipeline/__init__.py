"""Nightly, provable audits of production machine-learning models."""

__version__ = "0.1.0"
