"""What is in a cache folder, by its digest or key: arrays, results, text sets, blobs and records."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import StoreError
from backend.forms.fingerprint import content_digest
from backend.store.arrays import ArrayWriter, write_whole
from backend.store.files import Files, Stamp, not_its_fault
from backend.store.records import Records
from backend.store.results import load_result, result_content
from backend.store.room import Room
from backend.store.seal import Damage, Newer, Seal, file_checksum, read_seal
from backend.values.json_data import Json

FILED = {
    "job": "jobs",
    "named": "named",
    "selection": "selections",
}  # records that are files: nobody could make them again
_TRIES = 100  # to map an array that others replace meanwhile
_TABLE = 16  # digits of a table's digest, in the name of a selection of its rows


class Entries:
    """Everything that is kept, read and written; what is damaged is set aside and was never there."""

    _files: Files
    _records: Records
    _room: Room

    # Arrays

    def has_array(self, digest: str) -> bool:
        """Whether the array is here: its key, form and length are looked at, not its content."""
        return self._files.seal("arrays", digest) is not None

    def has_sound_array(self, digest: str) -> bool:
        """Whether the array is here with its checksum; one that is damaged is set aside. Read once in a process."""
        return self._files.sound("arrays", digest) is not None

    def open_array(self, digest: str) -> npt.NDArray[Any] | None:
        """The array as a read-only memory map, or None where there is none to believe; counts as a use."""
        array = self._mapped("arrays", digest)
        if array is not None:
            self._files.touch("arrays", digest)
        return array

    def _mapped(self, kind: str, digest: str) -> npt.NDArray[Any] | None:
        for _ in range(_TRIES):
            seal = self._files.sound(kind, digest)
            array = None if seal is None else self._map(kind, digest, seal)
            if array is None or self._files.is_the_checked(kind, digest):
                return array
        return None

    def _map(self, kind: str, digest: str, seal: Seal) -> npt.NDArray[Any] | None:
        path = self._files.path(kind, digest)
        try:
            array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError:
            return None
        except (ValueError, OSError, EOFError) as error:
            if isinstance(error, OSError):
                not_its_fault(error)
            if self._files.is_the_checked(kind, digest):
                self._files.set_aside(kind, digest, f"it is not a plain array: {error}")
            return None
        if (array.shape != seal.shape or array.dtype.str != seal.dtype) and self._files.is_the_checked(kind, digest):
            self._files.set_aside(kind, digest, f"its shape is {array.shape} and not {seal.shape}")
            return None
        return array

    def array_meta(self, digest: str) -> dict[str, Any]:
        """What was noted when the array was written (empty where there is no array)."""
        seal = self._files.seal("arrays", digest)
        return {} if seal is None else seal.meta

    def array_shape(self, digest: str) -> tuple[int, ...]:
        """The shape of an array, () where there is none; reads its seal alone, and is no use of it."""
        seal = self._files.seal("arrays", digest)
        return () if seal is None else tuple(seal.shape)

    def create_array(
        self, digest: str, shape: tuple[int, ...], dtype: npt.DTypeLike, meta: dict[str, Any]
    ) -> ArrayWriter:
        """A writer for a new array; it appears under ``digest`` when the writer commits."""
        return self._files.writer(digest, shape, dtype, meta)

    def put_array(self, digest: str, array: npt.NDArray[Any], meta: dict[str, Any]) -> None:
        """Write a whole array at once."""
        writer = self.create_array(digest, array.shape, array.dtype, meta)
        try:
            writer.write(np.arange(len(array)), array)
            writer.commit()
        finally:
            writer.abandon()

    def forget_array(self, digest: str) -> None:
        """Delete an array; harmless where there is none."""
        self._files.remove("arrays", digest)

    # Imported vectors: arrays that nobody could make again

    def create_vectors(self, digest: str, shape: tuple[int, ...], info: Json) -> ArrayWriter:
        """A writer for imported vectors (float32); ``info`` is what the list says of them."""
        self._room.make(4 * int(np.prod(shape)))
        return self._files.writer(digest, shape, np.float32, {"info": info}, kind="vectors")

    def open_vectors(self, digest: str) -> npt.NDArray[Any] | None:
        """Imported vectors as a read-only memory map, or None where there are none to believe."""
        return self._mapped("vectors", digest)

    def vector_infos(self) -> list[tuple[str, Any]]:
        """The digest of all imported vectors, and what the list says of each."""
        seals = [self._files.seal("vectors", digest) for digest, _ in list(self._files.all("vectors"))]
        return [(seal.key, seal.meta.get("info")) for seal in seals if seal is not None]

    def vectors_info(self, digest: str) -> Json:
        """What the list says of imported vectors, None where there are none with this digest."""
        seal = self._files.seal("vectors", digest)
        return None if seal is None else seal.meta.get("info")

    def remove_vectors(self, digest: str) -> int:
        """Delete imported vectors with the activations that were copied from them; returns how many entries went."""
        self._files.remove("vectors", digest)
        n_deleted = 0
        for key, _ in list(self._files.all("arrays")):
            seal = self._files.seal("arrays", key)
            if seal is not None and seal.meta.get("vectors") == digest:
                self._files.remove("arrays", key)
                n_deleted += 1
        return n_deleted

    # Results: JSON and arrays

    def put_result(self, digest: str, data: Json, arrays: dict[str, npt.NDArray[Any]], meta: dict[str, Any]) -> None:
        """Write a result, whole or not at all."""
        content = result_content(data, arrays)
        self._room.expect(len(content))
        self._files.write("results", digest, content, meta)

    def get_result(self, digest: str) -> tuple[Json, dict[str, npt.NDArray[Any]]] | None:
        """A result's JSON and arrays, or None where there is none to believe; counts as a use."""
        content = self._files.read("results", digest)
        if content is None:
            return None
        try:
            found = load_result(content)
        except Damage as damage:
            self._files.set_aside("results", digest, str(damage))
            return None
        self._files.touch("results", digest)
        return found

    def result_stamp(self, digest: str) -> Stamp | None:
        """What the file of a result is told by, or None where there is no file; counts as a use, and reads nothing."""
        self._files.touch("results", digest)
        return self._files.stamp("results", digest)

    def result_bytes(self, digest: str) -> bytes | None:
        """The result's whole file, checked, for sending it elsewhere."""
        content = self._files.read("results", digest, sealed=True)
        if content is not None:
            self._files.touch("results", digest)
        return content

    def put_result_bytes(self, digest: str, content: bytes) -> None:
        """Take over a result file that another store sent; refuses anything but the whole one of that key."""
        temporary = self._files.temporary()
        try:
            write_whole(temporary, content, lambda written: None, durable=False)
            seal = read_seal(temporary, "results", digest)
            if file_checksum(temporary, seal.n_bytes) != seal.crc:
                raise Damage("its content does not have its checksum")
            load_result(content[: seal.n_bytes])
        except (Damage, Newer) as error:
            raise StoreError(
                f"The result {digest} that was sent is not in the store's format: {error or 'a newer version wrote it'}.",
                "Run the same version of Embedscope on both sides, and try again.",
            ) from None
        else:
            self._files.write("results", digest, content[: seal.n_bytes], seal.meta)
        finally:
            temporary.unlink(missing_ok=True)

    def has_result(self, digest: str) -> bool:
        """Whether the result is here, whole."""
        return self._files.sound("results", digest) is not None

    def forget_result(self, digest: str) -> None:
        """Delete a result, so that it is computed again."""
        self._files.remove("results", digest)

    # Text sets: what cannot be made again

    def put_texts(self, digest: str, text: str, info: Json) -> None:
        """Keep a table of texts under its digest; ``info`` is what the list says of it (None: it is in no list)."""
        content = text.encode()
        self._room.expect(len(content))
        self._files.write("texts", digest, content, {"info": info, "uploads": self.uploads_of(digest)})

    def note_upload(self, digest: str, upload: str) -> None:
        """Write down that a table was read from uploaded bytes: they go with it."""
        seal, content = self._files.seal("texts", digest), self._files.read("texts", digest)
        if seal is not None and content is not None and upload not in self.uploads_of(digest):
            uploads = sorted({*self.uploads_of(digest), upload})
            self._files.write("texts", digest, content, {**seal.meta, "uploads": uploads})

    def uploads_of(self, digest: str) -> list[str]:
        """The digests of the uploaded bytes that a table was read from."""
        seal = self._files.seal("texts", digest)
        return [] if seal is None else [str(one) for one in seal.meta.get("uploads", [])]

    def get_texts(self, digest: str) -> str | None:
        """A table, or None where there is none to believe."""
        content = self._files.read("texts", digest)
        return None if content is None else content.decode()

    def texts_stamp(self, digest: str) -> Stamp | None:
        """What the file of a table is told by, or None where there is no file; reads nothing."""
        return self._files.stamp("texts", digest)

    def has_texts(self, digest: str) -> bool:
        """Whether a table is here."""
        return self._files.seal("texts", digest) is not None

    def text_infos(self) -> list[tuple[str, Any]]:
        """The digest of each table in the list, and what the list says of it."""
        seals = [self._files.seal("texts", digest) for digest, _ in list(self._files.all("texts"))]
        return [(seal.key, seal.meta["info"]) for seal in seals if seal is not None and seal.meta.get("info")]

    def remove_texts(self, digest: str) -> None:
        """Delete a table."""
        self._files.remove("texts", digest)

    def spoil_texts(self, digest: str, reason: str) -> None:
        """Set a table aside that is not what its digest says."""
        self._files.set_aside("texts", digest, reason)

    def texts_are_damaged(self, digest: str) -> bool:
        """Whether a table of that digest was here and had to be set aside."""
        return any(path.name.startswith(f"texts-{digest}-") for path in self._files.aside.paths())

    # Blobs: uploaded bytes on their way to the reader

    def put_blob(self, content: bytes) -> str:
        """Keep bytes under their own digest."""
        digest = content_digest(content)
        self._room.expect(len(content))
        self._files.write("blobs", digest, content, {})
        return digest

    def get_blob(self, digest: str) -> bytes | None:
        """The bytes, or None."""
        return self._files.read("blobs", digest)

    def has_blob(self, digest: str) -> bool:
        """Whether the bytes are here."""
        return self._files.seal("blobs", digest) is not None

    def size_of(self, kind: str, digest: str) -> int:
        """The bytes of an entry's file; 0 where there is none."""
        stamp = self._files.stamp(kind, digest)
        return 0 if stamp is None else stamp[1]

    # Records: small JSON values by key

    def record(self, key: str) -> Json:
        """The record under ``key``, or None."""
        kind, digest = filed_as(key)
        if not kind:
            return self._records.get(key)
        try:
            content = self._files.read(kind, digest)
        except StoreError as error:
            if isinstance(error.__cause__, OSError):
                raise
            return None  # no digest, so no such record
        return None if content is None else json.loads(content)

    def set_record(self, key: str, value: Json, *, expire: float | None = None) -> None:
        """Set a record; ``expire`` is in seconds. Of a job, the last fraction of a second may be lost with the power."""
        kind, digest = filed_as(key)
        if kind:
            self._files.write(kind, digest, json.dumps(value).encode(), {"record": key}, durable=kind != "jobs")
        else:
            self._records.set(key, value, expire)

    def add_record(self, key: str, value: Json, *, expire: float | None = None) -> bool:
        """Set a record only if there is none: one of any number of processes gets True."""
        return self._records.add(key, value, expire)

    def delete_record(self, key: str) -> None:
        """Forget a record; harmless if there is none."""
        kind, digest = filed_as(key)
        if kind:
            self._files.remove(kind, digest)
        else:
            self._records.delete(key)

    def record_keys(self, prefix: str) -> list[str]:
        """The keys that begin with ``prefix``, sorted."""
        name, _, rest = prefix.partition("/")
        if name not in FILED:
            return self._records.keys(prefix)
        found = [digest for digest, _ in self._files.all(FILED[name]) if digest.startswith(rest[:_TABLE])]
        if name != "named":
            return sorted(f"{name}/{digest}" for digest in found)
        seals = [self._files.seal("named", digest) for digest in found]
        keys = [str(seal.meta.get("record", "")) for seal in seals if seal is not None]
        return sorted(key for key in keys if key.startswith(prefix))


def filed_as(key: str) -> tuple[str, str]:
    """The kind of file that holds the record ``key``, and its name there; ("", key) where the database has it.

    The name of a saved selection begins as the digest of its table does, so that those of one table are found.
    """
    name, mark, rest = key.partition("/")
    if not mark or name not in FILED:
        return "", key
    if name != "named":
        return FILED[name], rest
    return "named", rest[:_TABLE] + content_digest(rest.encode("utf-8", "surrogatepass"))[_TABLE:]
