"""The entry point: finds the command, runs it, and turns every error into a line and an exit code.

A command's module is imported only when it is asked for, so that `blossom-data --help` stays fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from blossom_data import __version__
from blossom_data.cli import output
from blossom_data.cli.flags.values import switch
from blossom_data.cli.lazy import LazyGroup, Panel, help_texts, lazy_group
from blossom_data.cli.library_messages import hush_libraries
from blossom_data.errors import BlossomError

PANELS = (
    Panel(
        "Data",
        "blossom_data.cli.data",
        {
            "pull": "Read raw instructions; drop every original output, keep gold labels.",
            "dedup": "Leave out records that ask what another one asks.",
            "sample": "Draw records: evenly, or so that they cover what a set asks.",
            "decontaminate": "Leave out records that hold an item of a test set.",
            "mix": "Blend data sets into training sets, by counts, shares or weights.",
        },
    ),
    Panel(
        "Model stages",
        "blossom_data.cli.model_stages",
        {
            "translate": "Translate records; replies that answer the text are caught.",
            "check-translations": "Check existing translation pairs without any call.",
            "annotate": "Write every assistant turn again with one model in one style.",
            "classify": "Tag records with what they ask for; find personal data, and take it out.",
            "judge": "Score answers by a second model; keep the good ones, or the best of several.",
            "verify-math": "Keep records whose final answer equals the gold label.",
        },
    ),
    Panel(
        "Synthesis",
        "blossom_data.cli.synthesis",
        {"synthesize": "Make new instructions and chats: from seeds, harder ones, from personas, from texts."},
    ),
    Panel(
        "Pipelines and cron",
        "blossom_data.cli.pipelines",
        {
            "init": "Make a workspace: a pipeline to begin with, keys, a crontab line.",
            "run": "Run a pipeline file: sources, their stages, one data set.",
            "worker": "Work on a pipeline beside others, on any machines, with one ledger.",
            "plan": "Say what a pipeline would ask, cost and take; call nothing.",
            "refresh": "Bring a pipeline's data set up to date: run, check, mix, publish. Made for cron.",
            "status": "Show versions, what is running, and what the ledger holds.",
        },
    ),
    Panel(
        "Versions",
        "blossom_data.cli.versions",
        {
            "publish": "Publish data sets as an immutable version, and switch `current` to it.",
            "diff": "Compare two versions: added, removed, changed, and why.",
            "gc": "Delete old versions, or replies that no data set uses.",
        },
    ),
    Panel(
        "Training",
        "blossom_data.cli.training",
        {"train": "Fine-tune a base model: pack, preview, plan, run, export."},
    ),
    Panel(
        "Evaluation",
        "blossom_data.cli.evaluation",
        {"evaluate": "Score a model on suites; compare models; score finished verdicts."},
    ),
    Panel(
        "Look and diagnose",
        "blossom_data.cli.diagnose",
        {
            "demo": "Run the whole job offline on bundled rows, against a replayed recording.",
            "doctor": "Check configuration, keys, endpoint and machine; say how to mend what is wrong.",
            "show": "Look at the records of a data set, or at its rejects.",
            "view": "Look at data sets in the browser; filter, search, compare, mark records.",
            "chat": "Talk to a model: an endpoint, a GGUF file, or a folder of `train export`.",
            "report": "Write all that is known of a data set as one HTML page.",
            "style": "Measure in how many voices the answers of a data set speak.",
            "schema": "Print the JSON Schema of a file that blossom-data reads, for editors.",
        },
    ),
)
COMMANDS = {name: told for panel in PANELS for name, told in panel.commands.items()}

_HELP = """Make one consistent, bilingual, verified SFT data set out of mixed open instructions, and train on it.

Exit codes: 0 done, 1 bug or broken local state, 2 wrong flags, config or input, 3 a quality gate failed, 4 stopped
early: run the same command again, 5 another run holds the lock, 130/143 interrupted.
"""

_app = typer.Typer(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    subcommand_metavar="COMMAND ...",
)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        output.result(f"blossom-data, version {__version__}")
        raise typer.Exit


@_app.callback(help=help_texts(_HELP)[0])
def _root(
    version: Annotated[
        bool, switch("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What comes before a command."""


app = lazy_group(_app, PANELS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits."""
    output.prepare()
    argv = list(sys.argv[1:] if arguments is None else arguments)
    if argv and argv[0].startswith(("--local_rank=", "--local-rank=")):
        # The deepspeed launcher puts it before everything else; the environment says the same.
        del argv[0]
    is_debug = "--debug" in argv
    if not is_debug:
        hush_libraries()
    try:
        code = app.main(args=argv, prog_name="blossom-data", standalone_mode=False)
    except typer.TyperException as why:
        output.usage_error(why, is_json="--json" in argv)
        code = 2
    except BlossomError as why:
        output.error(why, is_json="--json" in argv)
        if is_debug:
            import traceback

            output.say(traceback.format_exc())
        code = why.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:
        # The reader of stdout has gone (head, less): not our error, and nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as why:
        if is_debug:
            raise
        output.error(output.unforeseen(why), is_json="--json" in argv)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
