"""``python -m raftfast`` is the command."""

from raftfast_command import main

if __name__ == "__main__":
    main()
