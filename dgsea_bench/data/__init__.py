"""Problems to measure on: readers of public formats, generators whose truth is known, and sources of scenarios."""
