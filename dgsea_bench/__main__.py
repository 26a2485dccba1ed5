"""``python -m dgsea_bench``."""

from dgsea_bench.cli import main

if __name__ == "__main__":
    main()
