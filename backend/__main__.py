"""The command line: python -m backend COMMAND. Exit code 0, or 2 with a message and a hint on standard error."""

import os
import sys

from backend.errors import EmbedscopeError
from backend.forms.whole import MAKE_ROOM, NO_ROOM


def main(arguments: list[str] | None = None) -> int:
    """Run one command; no error reaches the user as a traceback unless it is a fault of ours."""
    from backend.cli.arguments import parse_arguments
    from backend.metrics.own import load_own_metrics
    from backend.settings import read_settings

    try:
        parsed = parse_arguments(arguments)
        load_own_metrics(read_settings().metrics)
        code: int = parsed.command(parsed)
        sys.stdout.flush()
        return code
    except EmbedscopeError as error:
        print(f"error: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"hint: {error.hint}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output went away
        _forget_output()
        return 0
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(f"error: The output cannot be written: {error.strerror}.", file=sys.stderr)
        print(f"hint: {MAKE_ROOM}", file=sys.stderr)
        if sys.stdout is sys.__stdout__:
            _forget_output()  # else it is tried again at the end
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130


def _forget_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


if __name__ == "__main__":
    sys.exit(main())
