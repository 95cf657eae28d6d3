"""The mixes, the version and the training that a pipeline asks for, read before anything is paid.

mixes_of(pipeline)      (Mix(name="stage1", ...), Mix(name="stage2", ...))
parts_of(pipeline, mixes)      [Part(path=Path("train/stage1"), config="stage1"), ...]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from blossom_data.curate.clean_sets import left_out_of, still_in
from blossom_data.errors import ConfigError
from blossom_data.mix.plan import Mix, Part
from blossom_data.mix.recipe import read_mixes
from blossom_data.object_store import path_of
from blossom_data.pipelines.load import scaled
from blossom_data.pipelines.settings import Pipeline
from blossom_data.publish import reading
from blossom_data.publish.names import check_config, check_name
from blossom_data.report.licences import resolve
from blossom_data.settings_file import wrong
from blossom_data.train.recipe.recipe import recipe_of

RECORDS = "records"
"""What [publish] calls the data set itself."""


def mixes_of(pipeline: Pipeline) -> tuple[Mix, ...]:
    """The mixes of the pipeline, at its scale; parts that name no data set draw from the pipeline's own.

    Raises:
        ConfigError: a key or value that no mix has, with its line.
    """
    if "mix" not in pipeline.source.values:
        return ()
    is_scaled = pipeline.scale != 1.0
    mixes = read_mixes(
        pipeline.source,
        folder=pipeline.folder,
        data=str(pipeline.out),
        out=pipeline.folder / f"scale-{pipeline.scale:g}" / "train" if is_scaled else None,
    )
    return tuple(_scaled_mix(mix, pipeline.scale) for mix in mixes) if is_scaled else mixes


def _scaled_mix(mix: Mix, scale: float) -> Mix:
    return replace(
        mix,
        records=scaled(mix.records, scale),
        caps={source: scaled(cap, scale) or 1 for source, cap in mix.caps.items()},
        parts=tuple(replace(part, count=scaled(part.count, scale)) for part in mix.parts),
    )


def parts_of(pipeline: Pipeline, mixes: Sequence[Mix]) -> list[reading.Part]:
    """What [publish] publishes, each under its configuration; nothing without [publish].

    Raises:
        ConfigError: a name that cannot be used, or a mix in a layout that is for trainers alone.
    """
    if pipeline.publish is None:
        return []
    with pipeline.source.locating(("publish", "name")):
        check_name(pipeline.publish.name)
    by_name = {mix.name: mix for mix in mixes}
    names = pipeline.publish.parts or tuple(by_name) or (RECORDS,)
    parts = []
    for name in names:
        if name not in (RECORDS, *by_name):
            known = ", ".join((RECORDS, *by_name))
            raise wrong(pipeline.source, ("publish", "parts"), f"parts names {name!r}", f"known: {known}")
        if name == RECORDS:
            parts.append(reading.Part(pipeline.out, RECORDS if len(names) > 1 else ""))
            continue
        if by_name[name].layout != "messages":
            raise wrong(
                pipeline.source,
                ("publish", "parts"),
                f"mix {name} has the layout {by_name[name].layout}, which is not published",
                f'publish it with layout = "messages", or leave it out: parts = ["{RECORDS}"]',
            )
        with pipeline.source.locating(("publish", "parts")):
            parts.append(reading.Part(by_name[name].out, check_config(name)))
    return parts


def check_train(pipeline: Pipeline, parts: Sequence[reading.Part]) -> None:
    """Raises ConfigError when [train] is no recipe, or names a configuration that [publish] does not publish."""
    recipe = recipe_of(pipeline)
    if recipe is None or pipeline.publish is None:
        return
    published = (pipeline.folder / pipeline.publish.root / pipeline.publish.name).resolve()
    known = [part.config for part in parts if part.config]
    for number, stage in enumerate(recipe.stages):
        for place, one in enumerate(stage.data):
            if one.path.resolve() == published and one.config not in (known or [""]):
                raise wrong(
                    pipeline.source,
                    ("train", "stage", number, "data", place, "config"),
                    f"takes the configuration {one.config!r} of {pipeline.publish.name}, which is not published",
                    f"known: {', '.join(known)}" if known else "leave out config",
                )


def check_licences(pipeline: Pipeline, sources: Sequence[dict[str, Any]]) -> None:
    """Raises ConfigError when a source of the job has no licence, before anything is paid for it."""
    if pipeline.publish is None:
        return
    kinds = {str(source["source"]) for source in sources}
    given = {name: licence for name, licence in pipeline.publish.licences.items() if name in kinds or not name}
    resolve(kinds, sources, given)


def told_parts(mix: Mix) -> list[str]:
    """The parts of a mix as a plan shows them: `orca 40,000`, `replay of stage1 20%`."""
    return [f"{'replay of ' if part.is_replay else ''}{part.label} {_amount(part)}" for part in mix.parts]


def _amount(part: Part) -> str:
    if part.count is not None:
        return f"{part.count:,}"
    if part.share is not None:
        return f"{part.share:.0%}"
    return f"{part.weight:g}x" if part.weight is not None else "all"


def check_clean(pipeline: Pipeline, mixes: Sequence[Mix]) -> None:
    """Raises ConfigError when items of a test set that [publish] `decontaminated` names might be published."""
    wanted = pipeline.publish.decontaminated if pipeline.publish is not None else ()
    if not wanted:
        return
    given = pipeline.curate.against if pipeline.curate is not None else ()
    if missing := [name for name in wanted if still_in(name, given)]:
        raise wrong(
            pipeline.source,
            ("publish", "decontaminated"),
            f"{missing[0]} is asked to be left out, and [curate] does not leave it out",
            f'[curate] steps = ["decontaminate"], against = ["{missing[0]}"]',
        )
    inner = {str(place.resolve()) for place in (pipeline.out, *(mix.out for mix in mixes))}
    for part in (part for mix in mixes for part in mix.parts):
        data = path_of(part.data)
        if str(data.resolve()) in inner:
            continue
        if missing := [name for name in wanted if still_in(name, left_out_of(data))]:
            raise ConfigError(
                f"{part.data} goes into a mix, and its items of {missing[0]} were never looked for",
                hint=f"blossom-data decontaminate {part.data} -o FOLDER --against {missing[0]}, and mix that",
            )
