"""A GGUF file of an exported model, made by an installed converter of llama.cpp, or here (gguf_writer.py).

    convert = find_converter(None)               ["/opt/bin/convert_hf_to_gguf.py"]
    write_gguf(convert, Path("models/blossom"))  models/blossom.gguf

The converter is called as `CONVERTER FOLDER --outfile FILE`. FILE lies in a folder of its own until it is whole, so an
older OUT.gguf stays when a conversion fails. Only families and tokenizers that the
converter knows can be converted.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from blossom_data.errors import BlossomError, ConfigError

CONVERTERS = ("convert_hf_to_gguf.py", "llama-convert-hf-to-gguf", "convert-hf-to-gguf")
"""Its names in llama.cpp's own folder, and as packages install it."""
_MAGIC = b"GGUF"
_SHOWN = 200


def find_converter(named: Path | None) -> list[str]:
    """The command of the converter: the file `named`, else the first of CONVERTERS in PATH.

    Raises:
        ConfigError: there is none.
    """
    if named is None:
        found = next(filter(None, map(shutil.which, CONVERTERS)), None)
        if found is None:
            raise ConfigError(
                f"no GGUF converter ({CONVERTERS[0]}) is in PATH",
                hint="get llama.cpp and give --converter llama.cpp/convert_hf_to_gguf.py",
            )
        return [found]
    if not named.is_file():
        raise ConfigError(f"no GGUF converter at {named}", hint="give llama.cpp's convert_hf_to_gguf.py")
    if named.suffix == ".py":
        # It needs torch and transformers: this interpreter has them, whatever its first line names.
        return [sys.executable, str(named)]
    if not os.access(named, os.X_OK):
        raise ConfigError(f"the GGUF converter {named} cannot be run", hint="make it executable: chmod +x")
    return [str(named.absolute())]


def is_converter_there() -> bool:
    """Whether one of CONVERTERS is in PATH."""
    return any(map(shutil.which, CONVERTERS))


def write_gguf(converter: list[str], model: Path, form: str = "") -> Path:
    """Converts the folder `model` to the file MODEL.gguf beside it; gives its path.

    Args:
        converter: the command of a converter; empty: it is written here, in the number format `form`.

    Raises:
        BlossomError: the converter failed, or what it wrote is no GGUF file.
        ConfigError: the model cannot be written here.
    """
    model = model.resolve()
    target = model.with_name(f"{model.name}.gguf")
    name = Path(converter[-1]).name if converter else "blossom-data"
    try:
        with tempfile.TemporaryDirectory(prefix=".gguf-", dir=model.parent) as folder:
            made = Path(folder) / "model.gguf"
            if converter:
                _convert(converter, model, made)
            else:
                from blossom_data.train.handoff.gguf_writer import own_gguf

                own_gguf(model, made, form=form)
            _seal(made, name, model)
            made.replace(target)
    except OSError as why:
        raise BlossomError(f"cannot write {target}: {why.strerror}", hint=f"the model in {model} is whole") from why
    return target


def _convert(converter: list[str], model: Path, made: Path) -> None:
    done = subprocess.run(
        [*converter, str(model), "--outfile", str(made)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise _failed(Path(converter[-1]).name, done.returncode, done.stdout, model)


def _seal(made: Path, name: str, model: Path) -> None:
    """Makes the file durable; raises BlossomError where it is no GGUF file."""
    if not made.is_file():
        raise BlossomError(f"{name} ended well but wrote no file", hint=f"the model in {model} is whole")
    with made.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise BlossomError(f"{name} wrote a file that is no GGUF", hint=f"the model in {model} is whole")
        os.fsync(file.fileno())


def _failed(name: str, code: int, told: bytes, model: Path) -> BlossomError:
    """The converter's last line, and what can be done about it."""
    lines = [line.strip() for line in told.decode("utf-8", "replace").splitlines() if line.strip()]
    last = lines[-1] if lines else "no message"
    hint = f"the model in {model} is whole; llama.cpp's converter may not know its family or its tokenizer"
    if last.startswith(("ModuleNotFoundError", "ImportError")):
        hint = "install what it needs: requirements/requirements-convert_hf_to_gguf.txt of llama.cpp"
    ending = f"was ended by signal {-code}" if code < 0 else f"failed (exit code {code})"
    return BlossomError(f"{name} {ending}: {last[:_SHOWN]}", hint=hint)
