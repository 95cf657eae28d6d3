"""Values of a recipe's tables that are right by themselves and do not fit together, told with their lines."""

from __future__ import annotations

from collections.abc import Sequence

from blossom_data.errors import ConfigError, near_hint
from blossom_data.evaluate.suites import EXACT, named_suite
from blossom_data.settings_file import wrong
from blossom_data.toml_file import TomlFile
from blossom_data.toml_lines import KeyPath
from blossom_data.train.recipe.methods import Optimiser
from blossom_data.train.recipe.stages import StageRecipe


def check_stages(stages: tuple[StageRecipe, ...], file: TomlFile, at: KeyPath) -> None:
    """Raises ConfigError where a stage does not fit itself or those before it."""
    for number, stage in enumerate(stages):
        _check_stage(stage, stages[:number], file, (*at, number))


def check_optimiser(optimiser: Optimiser, file: TomlFile, at: KeyPath) -> None:
    """Raises ConfigError where the optimiser is given a parameter of another one."""
    for key in optimiser.given:
        if key not in optimiser.takes:
            problem = f"{key} is no parameter of {optimiser.name}"
            raise wrong(file, (*at, key), problem, f"it has {', '.join(optimiser.takes)}")


def check_suites(suites: Sequence[str], file: TomlFile, at: KeyPath) -> None:
    """Raises ConfigError where a suite is not there, or cannot score a model that is trained."""
    seen: set[str] = set()
    for number, given in enumerate(suites):
        try:
            suite, _, _ = named_suite(given)
        except ConfigError as why:
            raise wrong(file, (*at, number), str(why), why.hint) from why
        if suite.test_set and suite.scoring != EXACT:
            problem = f"{suite.name} needs a judge, and a model in training is scored by gold labels alone"
            raise wrong(file, (*at, number), problem, "such as gsm8k:100, or a file of questions with gold")
        if suite.name in seen:
            raise wrong(file, (*at, number), f"two of the suites are called {suite.name}", "name each once")
        seen.add(suite.name)


def _check_stage(stage: StageRecipe, before: tuple[StageRecipe, ...], file: TomlFile, at: KeyPath) -> None:
    learnt = [key for key in ("dpo", "ipo", "simpo", "orpo", "kto") if getattr(stage, key) is not None]
    if len(learnt) > 1:
        raise wrong(file, (*at, learnt[1]), f"a stage learns one of {' and '.join(learnt)}", "leave one of them")
    if stage.preference and stage.label_smoothing:
        problem = f"label_smoothing of a stage is for tokens, and this one learns {learnt[0]}"
        raise wrong(file, (*at, "label_smoothing"), problem, "dpo = {label_smoothing = 0.1} is that of pairs")
    seen = {earlier.name: earlier for earlier in before}
    if stage.name in seen or not stage.name.replace("-", "").replace("_", "").isalnum():
        raise wrong(file, (*at, "name"), "names are letters, digits, - and _, each once")
    if not stage.data:
        raise wrong(file, (*at, "data"), "has no data", 'such as data = [{path = "packed/orca"}]')
    if stage.replay:
        again = seen.get(stage.replay.stage)
        if again is None:
            hint = near_hint(stage.replay.stage, seen, "earlier stages:") if seen else "the first stage has none"
            problem = f"replays {stage.replay.stage!r}, which is no earlier stage"
            raise wrong(file, (*at, "replay"), problem, hint)
        if again.kind != stage.kind:
            problem = f"replays {again.name!r}: chats and preference pairs do not mix in a stage"
            if "labelled" in (again.kind, stage.kind):
                problem = f"replays {again.name!r}: replies that were judged one by one mix with nothing else"
            raise wrong(file, (*at, "replay"), problem)
    for place, part in enumerate(stage.data):
        if part.text and stage.preference:
            problem = f"{part.path.name} is plain text, and the stage learns {learnt[0]}"
            raise wrong(file, (*at, "data", place, "text"), problem, "give it to a stage of its own")
        if part.count is not None and part.share is not None:
            problem = f"{part.path.name} has a count and a share"
            raise wrong(file, (*at, "data", place, "count"), problem, "give one of them")
