"""The benchmarks that asv runs over commits; README.md beside this file tells how."""
