"""Features of a pretrained language model of SMILES, such as ChemBERTa: computed once, and kept in the cache."""

import hashlib
import io
import logging
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from dgsea_bench.core.errors import InputError
from dgsea_bench.core.files import write_whole
from dgsea_bench.data.places import cache_folder
from dgsea_bench.data.source_parts import model_files
from dgsea_bench.study.predictors.encoder import EXTRA, Encoder

CHEMBERTA = "chemberta"
BATCH = 64
KEPT = "features"
"""Folder of the cache."""
FEATURES, TRUNCATED = "features", "truncated"
VERSION = 1
"""Of what is kept: another one when the same model and SMILES give other features."""
DAMAGED = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError, MemoryError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError),
)
"""What numpy raises of a file that is not there or is damaged."""
UNUSED = "pooler."
"""Weights that a model may lack: the features come before them."""
TALKATIVE = ("transformers", "huggingface_hub")
CONVERSION = "DISABLE_SAFETENSORS_CONVERSION"


class ChemBerta(Encoder):
    """The last hidden state of the first token (CLS), without a gradient.

    Source: Chithrananda et al. 2020, arXiv 2010.09885; Ahmad et al. 2022, arXiv 2209.01712. Any encoder that
    `transformers.AutoModel` loads will do. Code that comes with a model is never run, nor pickles unpacked: weights are
    safetensors, or read by torch with weights_only.
    """

    def __init__(self, where: str) -> None:
        """Find the model; its weights are loaded when features have to be computed.

        Args:
            where: a folder with a model and its tokenizer, or the name of one on the Hugging Face hub.

        Raises:
            InputError: transformers is not installed, or there is no such model.
        """
        folder = Path(where).expanduser()
        self.name, self._local = f"{CHEMBERTA}:{where}", folder.is_dir()
        self._where = str(folder) if self._local else where
        if not self._local and (folder.exists() or where.startswith((".", "/", "~"))):
            raise InputError(f"{self.name}: no such folder; give that of a model, or a name on the Hugging Face hub")
        with self._told():
            self._config: Any = _transformers().AutoConfig.from_pretrained(self._where, trust_remote_code=False)
            self.features = int(self._config.hidden_size)
        self._commit: str | None = None if self._local else _commit(where)

    def encode(self, smiles: Sequence[str]) -> Float32[np.ndarray, "compounds features"]:
        """Computed, or read from the cache; warns of SMILES that are longer than the model can read.

        Raises:
            InputError: a model that cannot be used.
        """
        features, truncated = self._kept(smiles)
        if truncated:
            warnings.warn(
                f"{self.name}: {truncated:,} of {len(smiles):,} SMILES are longer than the model can read; the rest of "
                "them was left out",
                stacklevel=2,
            )
        return features

    def _kept(self, smiles: Sequence[str]) -> tuple[np.ndarray, int]:
        """Features, and how many SMILES were cut: from the cache, or computed and put there."""
        if not self._local and self._commit is None:  # then nobody knows which version of the model it is
            return self._compute(smiles)
        file = cache_folder() / KEPT / f"{self._key(smiles)}.npz"
        kept = _read_kept(file, (len(smiles), self.features))
        if kept is None:
            kept = self._compute(smiles)
            _keep(file, *kept)
        return kept

    def _key(self, smiles: Sequence[str]) -> str:
        """sha256 over the model and the SMILES."""
        digest = hashlib.sha256(f"{VERSION}\n{self._identity()}\n".encode())
        for text in smiles:
            digest.update(f"{text}\n".encode())
        return digest.hexdigest()

    def _identity(self) -> str:
        if not self._local:
            return f"{self._where}@{self._commit}"
        with self._told():
            return model_files(Path(self._where))

    def _compute(self, smiles: Sequence[str]) -> tuple[np.ndarray, int]:
        tokenizer, model = self._load()
        limit = _longest(tokenizer, self._config)
        with self._told(), torch.inference_mode():
            tokens = tokenizer(list(smiles), verbose=False)["input_ids"] if smiles else []
            self._refuse_nothing_known(tokens, tokenizer)
            lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)
            found = np.empty((len(smiles), self.features), dtype=np.float32)
            order = np.argsort(lengths, kind="stable")  # little is padded so
            for start in range(0, len(order), BATCH):
                chosen = order[start : start + BATCH]
                batch = tokenizer(
                    [smiles[place] for place in chosen],
                    padding=True, truncation=limit is not None, max_length=limit, return_tensors="pt", verbose=False,
                )  # fmt: skip
                found[chosen] = model(**batch).last_hidden_state[:, 0].float().numpy()
        if not np.isfinite(found).all():
            raise InputError(f"{self.name}: the model's features are not finite numbers")
        return found, 0 if limit is None else int((lengths > limit).sum())

    def _refuse_nothing_known(self, tokens: Sequence[Sequence[int]], tokenizer: Any) -> None:
        """A folder without a tokenizer gets one that knows no letter."""
        if tokens and set().union(*tokens) <= set(tokenizer.all_special_ids):
            raise InputError(f"{self.name}: the tokenizer knows no part of any SMILES; is its file missing?")

    def _load(self) -> tuple[Any, Any]:
        wanted: dict[str, Any] = {"trust_remote_code": False, "revision": self._commit or "main"}
        library = _transformers()
        with self._told(), torch.random.fork_rng(devices=[]):  # a missing pooler is drawn at random
            tokenizer = library.AutoTokenizer.from_pretrained(self._where, **wanted)
            model, report = library.AutoModel.from_pretrained(
                self._where, weights_only=True, dtype=torch.float32, output_loading_info=True, **wanted
            )
        missing = sorted(name for name in report["missing_keys"] if not name.startswith(UNUSED))
        if missing:
            raise InputError(f"{self.name}: {len(missing):,} weights of the model are not there, such as {missing[0]}")
        return tokenizer, model.eval()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the library complains of, whatever it raises, is one line; its own messages are not shown."""
        try:
            with _quiet():
                yield
        except InputError:
            raise
        except Exception as error:  # of many kinds: OSError, KeyError, SafetensorError, UnpicklingError, …
            lines = str(error).strip().splitlines() or [type(error).__name__]
            what = "is no model" if self._local else "is neither a folder nor a model on the Hugging Face hub"
            raise InputError(f"{self.name}: {what} that can be reached and used: {lines[0]}") from None


def _transformers() -> Any:
    """The library, which takes seconds to import.

    Raises:
        InputError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import transformers
    except ImportError:
        raise InputError(f"features {CHEMBERTA!r} need transformers, which is not installed: {EXTRA}") from None
    return transformers


@contextmanager
def _quiet() -> Iterator[None]:
    """Neither warnings, nor bars, nor requests to have a model converted on the hub."""
    ours = _transformers().utils.logging
    bars, conversion = ours.is_progress_bar_enabled(), os.environ.get(CONVERSION)
    levels = {name: logging.getLogger(name).level for name in TALKATIVE}
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    ours.disable_progress_bar()
    os.environ[CONVERSION] = "1"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        if bars:
            ours.enable_progress_bar()
        os.environ.pop(CONVERSION)
        if conversion is not None:
            os.environ[CONVERSION] = conversion


def _commit(name: str) -> str | None:
    """Which version of a model of the hub has been downloaded: it lies in a folder of that name."""
    import huggingface_hub

    found = huggingface_hub.try_to_load_from_cache(name, "config.json")
    return Path(found).parent.name if isinstance(found, str) else None


def _longest(tokenizer: Any, config: Any) -> int | None:
    """Tokens that the model can read; None: any number."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions and "roberta" in config.model_type:  # its positions begin after that of padding
        positions -= (config.pad_token_id or 0) + 1
    limits = [limit for limit in (positions, tokenizer.model_max_length) if limit and limit < 10**9]
    return min(limits, default=None)


def _read_kept(file: Path, shape: tuple[int, int]) -> tuple[np.ndarray, int] | None:
    """Features, and how many SMILES were truncated; None: there is nothing, or it is damaged."""
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as table:
            features, truncated = table[FEATURES], int(table[TRUNCATED])
    except DAMAGED:
        return None
    sound = features.shape == shape and features.dtype == np.float32 and np.isfinite(features).all()
    return (features, truncated) if sound else None


def _keep(file: Path, features: np.ndarray, truncated: int) -> None:
    content = io.BytesIO()
    np.savez(content, **{FEATURES: features, TRUNCATED: np.array(truncated)})  # type: ignore[arg-type]
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content.getvalue())
    except OSError as error:
        warnings.warn(f"{file}: features cannot be kept: {error.strerror}", stacklevel=4)
