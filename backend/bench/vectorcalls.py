"""What a workbench does with imported vectors: add, list, delete; and whether they can be looked at on other texts."""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from backend.bench.modelcalls import ModelCalls
from backend.bench.textcalls import file_content
from backend.errors import InvalidRequest
from backend.values.activations import Report, no_report
from backend.values.models import ModelInfo
from backend.values.reading import TextColumns
from backend.values.texts import TextSetInfo
from backend.values.vectors import PREFIX, SubLayersTask, VectorsInfo, VectorsTask, sub_layers_name
from backend.work.given import placed, without_texts

Matrix = npt.NDArray[Any]
_MOST_FITS = 1_000  # pairs of vectors and texts that were looked at


class VectorCalls(ModelCalls):
    """The calls about vectors that somebody brings along."""

    def vector_sets(self) -> list[VectorsInfo]:
        """The imported vectors, newest first; each stands for a model called ``vectors:NAME``."""
        return self._listed("vectors", self._executor.vector_sets)

    def add_vectors(
        self,
        vectors: str | Path | Matrix | Sequence[Matrix] | Mapping[str, Matrix],
        *,
        name: str = "",
        texts: TextSetInfo | str | Sequence[str] | None = None,
        take: Sequence[str] = (),
        text: str | int | None = None,
        label: str | int | None = None,
        split: str | int | None = None,
        report: Report = no_report,
    ) -> ModelInfo:
        """Save vectors, a row for each text of ``texts``, and return what stands for them where a model does.

        ``vectors`` is the path of a file (.npy, .npz, .safetensors, .parquet), a matrix (n_rows, n_dims), an array
        (n_layers, n_rows, n_dims), a list of matrices or a dict of them by the names of their layers. ``take`` names the
        arrays or columns of a file that are layers. A Parquet file without ``texts`` brings them: the columns ``text``,
        ``label`` and ``split`` are found out where they are not named. Raises InvalidRequest where rows and texts do not
        agree in number, and for what is no matrix of finite floating-point numbers.
        """
        info = self._texts_of_vectors(texts)
        if isinstance(vectors, str | Path):
            path = Path(vectors).expanduser()
            content = file_content(path, self.settings.max_vector_bytes, "EMBEDSCOPE_MAX_VECTOR_BYTES")
            file_name, shown = path.name, name or re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem).strip("-.")
        else:
            content, file_name, shown = *_archive(vectors), name or "vectors"
        blob = self.upload(content, vectors=True)
        spec = None if info is None else info.spec
        columns = TextColumns(text, None, label, split, metadata=None)
        self._changed()
        task = VectorsTask(blob, file_name, shown, spec, columns, tuple(take), save=True)
        found = cast(VectorsInfo, self.wait(task, report))
        return self.model(found.model_name, report=report)

    def sub_layers(
        self,
        model: str | ModelInfo,
        texts: TextSetInfo | str,
        *,
        pooling: str = "mean",
        max_length: int = 256,
        name: str = "",
        report: Report = no_report,
    ) -> ModelInfo:
        """The parts of each block of a model over a text set, as layers of a model of their own, which is returned.

        Of each block: what attention adds to the residual stream, the stream between the two, what the MLP adds, and the
        block's output; the embedding output first. Parallel blocks have no stream between. They are kept as vectors called
        ``name``, for these texts and one of POOLINGS. Raises ModelError for a family whose parts are not known.
        """
        info = model if isinstance(model, ModelInfo) else self.model(model, report=report)
        if info.is_given:
            raise InvalidRequest(f"{info.spec.name} are vectors: there is no model behind them.", "Choose a model.")
        chosen = texts if isinstance(texts, TextSetInfo) else self.text_set_info(texts)
        shown = name or sub_layers_name(info.spec.name, chosen.spec.name, pooling)
        self._changed()
        found = self.wait(SubLayersTask(info.spec, chosen.spec, shown, pooling, max_length), report)
        return self.model(found.model_name, report=report)

    def _texts_of_vectors(self, texts: TextSetInfo | str | Sequence[str] | None) -> TextSetInfo | None:
        if texts is None or isinstance(texts, TextSetInfo):
            return texts
        return self.text_set_info(texts) if isinstance(texts, str) else self.add_texts(texts)

    def delete_vectors(self, name: str) -> int:
        """Delete imported vectors, by their name with or without "vectors:"; returns the bytes that are free again.

        Results that were computed from them stay. Raises ModelError where there are none of that name.
        """
        self._changed()
        return self._executor.delete_vectors(name.strip().removeprefix(PREFIX))

    def require_texts_of(self, models: Sequence[ModelInfo], texts: TextSetInfo) -> None:
        """Raise InvalidRequest where imported vectors among ``models`` do not belong to these texts, nor to more than these."""
        for info in models:
            if info.is_given and texts.spec.digest != info.given_for:
                problem = self._misfit(info, texts)
                if problem is not None:
                    raise problem

    def _misfit(self, info: ModelInfo, texts: TextSetInfo) -> InvalidRequest | None:
        key = info.spec.commit, texts.spec.table
        if key not in self._misfits:
            if len(self._misfits) > _MOST_FITS:
                self._misfits.clear()
            self._misfits[key] = self._look_at(info, texts)
        return self._misfits[key]

    def _look_at(self, info: ModelInfo, texts: TextSetInfo) -> InvalidRequest | None:
        bound = next((one for one in self.text_sets() if one.spec.digest == info.given_for), None)
        if bound is None:
            return without_texts(info)
        alike = any(one.alike for one in self.vector_sets() if one.commit == info.spec.commit)
        try:
            placed(self.text_set(bound), self.text_set(texts), info, texts.spec, alike=alike)
        except InvalidRequest as error:
            return error
        return None


def _archive(vectors: Matrix | Sequence[Matrix] | Mapping[str, Matrix]) -> tuple[bytes, str]:
    """Arrays as a file of numpy's, which is read like any other."""
    stream = io.BytesIO()
    if not isinstance(vectors, Mapping | list | tuple):
        np.save(stream, _array(vectors), allow_pickle=False)
        return stream.getvalue(), "vectors.npy"
    named = vectors if isinstance(vectors, Mapping) else {f"arr_{place}": one for place, one in enumerate(vectors)}
    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in named.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, _array(array), allow_pickle=False)
    return stream.getvalue(), "vectors.npz"


def _array(value: Any) -> Matrix:  # an array, or a tensor that becomes one
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    array = np.asarray(value)
    if array.dtype.hasobject:
        raise InvalidRequest(
            "The vectors are an array of Python objects: their rows have different lengths, or are no numbers.",
            "Give every row as many numbers: np.stack(rows).astype('float32').",
        )
    return array
