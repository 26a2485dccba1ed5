"""Measuring: scenarios become cases, cases become rows."""
