"""One refresh: the data set, its gates, its mixes, its version; and a result, whatever happens.

    {"run": "000007-...", "exit_code": 0, "outcome": "published", "version": "2026-01-31T030000Z-ab12cd34",
     "counts": {"read": 8892, "kept": 8101, ...}, "calls": 100, "gates": [...], "mixes": [...], "error": null, ...}

What is already as it should be is left out, so an unchanged refresh asks nothing and writes nothing. A gate that fails
leaves `current` as it is. It takes no lock and prints nothing: cli/pipelines/refresh.py does.
"""

from __future__ import annotations

import contextlib
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from blossom_data.counters import Counters
from blossom_data.curate.style import require_numpy, style_consistency
from blossom_data.errors import BlossomError, Interrupted, QualityGate
from blossom_data.executors.job import Job
from blossom_data.executors.limits import Deadline
from blossom_data.executors.local import describe_run, run_job
from blossom_data.executors.stopping import heard, stopped_by
from blossom_data.mix.plan import Mix
from blossom_data.mix.write import replacement_of, write_mix
from blossom_data.outputs.replacing import HALF, Replacement, TooFewKept
from blossom_data.pipelines.settings import Pipeline, PublishSettings
from blossom_data.publish.names import current_version, dataset_folder
from blossom_data.publish.reading import Part
from blossom_data.publish.retention import collect
from blossom_data.publish.versions import publish
from blossom_data.refresh.gates import Gate, kept_gate, run_gates, size_gates, style_gates
from blossom_data.refresh.products import check_clean, check_licences, check_train, mixes_of, parts_of
from blossom_data.refresh.runs import RunLog
from blossom_data.refresh.unchanged import finished_mix, finished_records
from blossom_data.rows import BadRow, read_records
from blossom_data.shards import read_manifest

_OUTCOMES = {3: "gate failed", 4: "stopped", 5: "locked", 129: "stopped", 130: "stopped", 143: "stopped"}
"""By exit code; of every other one it is "failed"."""
_COUNTED = ("read", "added", "kept", "skipped")


class Refresh:
    """One run over `pipeline`; `perform` gives its result and raises nothing.

    Args:
        make_job: the pipeline's job; called once, for reading sources may fail, and that is a result too.
        watch: a block around the paying part, for whoever shows its counters.
        bar: a block around each further part of that name, which gives the counters that are shown.
        is_replacing: finished work may go, and a version may be far smaller than the one before.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        make_job: Callable[[], Job],
        log: RunLog,
        *,
        deadline: Deadline | None = None,
        watch: Callable[[Counters], contextlib.AbstractContextManager[Any]] | None = None,
        bar: Callable[[str], contextlib.AbstractContextManager[Counters]] | None = None,
        is_replacing: bool = False,
    ) -> None:
        self._is_replacing = is_replacing
        self._pipeline, self._make_job, self._log, self._deadline = pipeline, make_job, log, deadline
        self._watch = watch or (lambda _: contextlib.nullcontext())
        self._bar = bar or (lambda _: contextlib.nullcontext(Counters()))
        self._is_new = False
        self._counters = Counters()
        self._began_s = time.monotonic()
        self.result: dict[str, Any] = {
            "run": log.name,
            "pipeline": pipeline.name,
            "file": str(pipeline.file),
            "started": _now(),
            "ended": "",
            "seconds": 0.0,
            "exit_code": 0,
            "outcome": "",
            "counts": {},
            "rejected": {},
            "calls": 0,
            "replayed": 0,
            "cost_usd": None,
            "gates": [],
            "mixes": [],
            "version": None,
            "previous": None,
            "out": str(pipeline.out),
            "log": str(log.folder),
            "warnings": [],
            "error": None,
        }

    def perform(self) -> dict[str, Any]:
        """Does it all; the result says what came of it."""
        result, restore = self.result, _raise_on_signals()
        try:
            self._steps()
        except BlossomError as why:
            self._fail(why, why.exit_code, _OUTCOMES.get(why.exit_code, "failed"))
        except KeyboardInterrupt:
            self._fail(Interrupted("stopped by SIGINT", signal_number=signal.SIGINT), 130, _OUTCOMES[130])
        except Exception as why:
            self._log.note("bug", traceback=traceback.format_exc())
            told = BlossomError(f"{type(why).__name__}: {why}", hint=f"this is a bug; traceback in {self._log.folder}")
            self._fail(told, 1, "failed")
        finally:
            restore()
        run = describe_run(self._counters)
        result |= {name: run[name] for name in ("calls", "replayed", "cost_usd")}
        result |= {"ended": _now(), "seconds": round(time.monotonic() - self._began_s, 3)}
        return result

    def _fail(self, why: BlossomError, code: int, outcome: str) -> None:
        self.result |= {"exit_code": code, "outcome": outcome}
        told = {"kind": type(why).__name__, "message": str(why), "hint": why.hint, "exit_code": code}
        self.result["error"] = told
        self._log.note("error", **told)

    def _steps(self) -> None:
        pipeline = self._pipeline
        job = replace(self._make_job(), deadline=self._deadline)
        self._counters = job.counters
        mixes = mixes_of(pipeline)
        parts = parts_of(pipeline, mixes)
        check_train(pipeline, parts)
        check_clean(pipeline, mixes)
        check_licences(pipeline, job.about["sources"])
        if pipeline.refresh.max_style_score is not None:
            # What the gate needs is missed before anything is bought.
            require_numpy()
        replacements = [self._replacement(mix) for mix in mixes]
        for replacement in replacements:
            replacement.refuse()
        manifest = self._records(job)
        self._require(run_gates(pipeline.refresh, manifest, self._by_lang(job.out, manifest)))
        self._require(style_gates(pipeline.refresh, self._style_score(job.out)))
        for mix, replacement in zip(mixes, replacements, strict=True):
            self._check_time()
            self._mix(mix, replacement)
        self._check_time()
        if pipeline.publish is not None:
            self._publish(pipeline.publish, parts)
        else:
            self.result["outcome"] = "written" if self._is_new else "nothing new"

    def _records(self, job: Job) -> Mapping[str, Any]:
        """The data set, worked on if there is anything to do; gives its manifest."""
        manifest = finished_records(job)
        if manifest is None:
            self._is_new = True
            self._log.note("records", state="working", out=str(job.out))
            try:
                with self._watch(job.counters), self._log.watching(job.counters):
                    manifest = self._replacing(lambda: run_job(job))
            finally:
                # The event loop has put the signals back to what kills.
                _raise_on_signals()
        self.result["counts"] = {name: manifest[name] for name in _COUNTED} | {
            name: sum(manifest[name].values()) for name in ("rejected", "failed")
        }
        self.result["rejected"] = manifest["rejected"]
        self._log.note("records", state="finished", **self.result["counts"])
        return manifest

    def _by_lang(self, out: Path, manifest: Mapping[str, Any]) -> Mapping[str, int]:
        """Records by language where a gate asks for it; read anew only where the manifest does not say."""
        settings = self._pipeline.refresh
        if not (settings.min_lang or settings.max_lang) or not manifest.get("records"):
            return {}
        if told := manifest.get("by_lang"):
            return dict(told)
        return Counter(record.lang for record in read_records(out) if not isinstance(record, BadRow))

    def _style_score(self, out: Path) -> float | None:
        """The style-consistency score by source, measured only where a gate asks for it."""
        if self._pipeline.refresh.max_style_score is None or not (read_manifest(out) or {}).get("records"):
            return None
        records = (record for record in read_records(out) if not isinstance(record, BadRow))
        return style_consistency(records).score

    def _require(self, gates: Sequence[Gate]) -> None:
        """Notes the gates.

        Raises:
            QualityGate: one has failed.
        """
        self.result["gates"] += [asdict(gate) for gate in gates]
        if failed := [gate for gate in gates if not gate.is_passed]:
            raise QualityGate(
                f"gate {failed[0].name}: {'; '.join(gate.told for gate in failed)}: nothing was published",
                hint=f"look at the rejects: blossom-data show {self._pipeline.out} --rejected all",
            )

    def _replacement(self, mix: Mix) -> Replacement:
        ratio = self._pipeline.refresh.min_size_ratio
        return replacement_of(mix, is_allowed=self._is_replacing, least=HALF if ratio is None else ratio)

    def _replacing(self, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `work` gives; a set that stays, because the new one is far smaller, is a gate that failed.

        Raises:
            QualityGate: so.
        """
        try:
            return work()
        except TooFewKept as why:
            self.result["gates"].append(asdict(kept_gate(why.records, why.before, why.least)))
            raise

    def _mix(self, mix: Mix, replacement: Replacement) -> None:
        manifest = finished_mix(mix)
        if manifest is None:
            self._is_new = True
            self._log.note("mix", name=mix.name, out=str(mix.out))
            with self._bar(f"mix {mix.name}") as counters:
                manifest = self._replacing(lambda: write_mix(mix, replacement, counters=counters))
        parts = {part["name"]: part["taken"] for part in manifest["parts"]}
        told = {"name": mix.name, "out": str(mix.out), "records": manifest["kept"], "parts": parts}
        self.result["mixes"].append(told)

    def _publish(self, settings: PublishSettings, parts: Sequence[Part]) -> None:
        folder = dataset_folder(settings.root, settings.name)
        current = current_version(folder)
        before = (read_manifest(folder / current) or {}).get("records") if current else None
        records = sum((read_manifest(part.path) or {}).get("records", 0) for part in parts)
        if not self._is_replacing:
            self._require(size_gates(self._pipeline.refresh, records, before))
        with self._bar(f"publish {settings.name}") as counters:
            done = publish(
                parts,
                root=settings.root,
                name=settings.name,
                layout=settings.layout,
                licences=self._licences(settings),
                counters=counters,
            )
        is_same = not done.is_new and done.previous == done.version
        self.result |= {
            "version": done.version,
            "previous": done.previous,
            "path": str(done.path),
            "records": done.manifest["records"],
            "outcome": "nothing new" if is_same else "published" if done.is_new else "went back",
        }
        self._log.note("publish", version=done.version, is_new=done.is_new)
        if settings.keep is not None:
            try:
                collect(folder, keep=settings.keep)
            except BlossomError as why:
                self.result["warnings"].append(f"old versions were not deleted: {why}")

    def _licences(self, settings: PublishSettings) -> dict[str, str]:
        """The licences of sources that have records: one of a source that gave none is no mistake here."""
        by_source = (read_manifest(self._pipeline.out) or {}).get("by_source", {})
        kept = {source for source, counts in by_source.items() if counts.get("kept")}
        return {source: licence for source, licence in settings.licences.items() if source in kept or not source}

    def _check_time(self) -> None:
        if self._deadline is not None:
            self._deadline.check()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _raise_on_signals() -> Callable[[], None]:
    """Makes SIGINT, SIGTERM and SIGHUP an Interrupted, so that a result is written; gives what undoes it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise stopped_by(number)

    before = {number: signal.signal(number, interrupt) for number in heard()}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore
