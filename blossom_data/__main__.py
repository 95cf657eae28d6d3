"""`python -m blossom_data` is `blossom-data`: what happens before anything else is imported.

Ctrl-C while modules are being imported would show where the import stood. Nothing has begun by then and nothing has to
be cleaned up, so the process leaves at once; cli/interrupts.py lets a command clean up from its beginning on.
"""

import os


def main() -> None:
    """Runs the command line and exits."""
    try:
        import signal

        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    except KeyboardInterrupt:
        os._exit(130)
    from blossom_data.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
