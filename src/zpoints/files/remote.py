"""Files at addresses, as ``s3://bucket/z.npy``: ranges of their bytes, listings, and by what a change is noticed.

By fsspec, which knows some thirty kinds of places; for most of them it needs one package more (s3fs, gcsfs).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from zpoints.errors import ArrayError, ZPointsError, one_line, reason
from zpoints.system.extras import need

__all__ = ["Address", "as_typed", "reaching"]

FORM = re.compile(r"((?:\w+::)*)([a-z][a-z0-9+]+):/+(.*)", re.IGNORECASE | re.DOTALL)
NAMED = "::"
PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "http": "aiohttp", "https": "aiohttp",
    "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs", "sftp": "paramiko", "ssh": "paramiko", "hf": "huggingface_hub",
}  # fmt: skip
"""What fsspec needs for the schemes that are met most."""
MARKS = (
    "size", "ETag", "etag", "generation", "VersionId", "version_id", "md5Hash", "crc32c", "Content-MD5", "Digest",
    "Last-Modified", "LastModified", "last_modified", "updated", "mtime", "created", "ino",
)  # fmt: skip
"""What the kinds of places tell of a file that changes with its content."""
REFUSED = (401, 403)
WITHOUT_RIGHTS = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "RefreshError")


@dataclass(frozen=True)
class Address:
    """Where a file, a folder or a pattern of files is.

    Attributes
    ----------
    chain : of caches before it, as ``simplecache::``; usually nothing.
    scheme, path : ``s3`` and ``bucket/z.npy``.

    Examples
    --------
    >>> address = Address.of("s3:/bucket/z/part.npy")
    >>> str(address), address.name, Address.of("C:/z.npy"), Address.of("z.npy")
    ('s3://bucket/z/part.npy', 'part.npy', None, None)
    """

    chain: str
    scheme: str
    path: str

    @classmethod
    def of(cls, text: Path | str) -> "Address | None":
        """What a user types, which a `Path` has robbed of one slash; None where it is no address."""
        match = FORM.fullmatch(str(text))
        if match is None:
            return None
        scheme = match[2].lower()
        return cls(match[1], scheme, f"/{match[3]}" if scheme in ("file", "local") else match[3])

    def parted(self) -> "tuple[Address, str | None]":
        """The file, and what of it: the text after the last ``::``."""
        path, sign, inner = self.path.rpartition(NAMED)
        return (Address(self.chain, self.scheme, path), inner) if sign and path and inner else (self, None)

    def __str__(self) -> str:
        return f"{self.chain}{self.scheme}://{self.path}"

    @property
    def _plain(self) -> str:
        """Without what a web address asks for."""
        return self.path.partition("?")[0] if self.scheme in ("http", "https") else self.path

    @property
    def name(self) -> str:
        """The last part."""
        return self._plain.rstrip("/").rpartition("/")[2]

    @property
    def parent(self) -> str:
        """All before it."""
        return str(self).rstrip("/").rpartition("/")[0]

    @property
    def is_pattern(self) -> bool:
        """Whether several files are meant."""
        return any(sign in self._plain for sign in "*?[")

    def absolute(self) -> "Address":
        """Itself, as of a path."""
        return self

    def with_name(self, name: str) -> "Address":
        """Another file beside it."""
        folder = self.path.rstrip("/").rpartition("/")[0]
        return Address(self.chain, self.scheme, f"{folder}/{name}")

    def is_dir(self) -> bool:
        """Whether it is a folder that can be listed."""
        with reaching(self):
            system, path = self.system()
            return bool(system.isdir(path))

    def system(self) -> tuple[Any, str]:
        """fsspec's file system, and the path in it.

        Raises
        ------
        UsageError : fsspec is not installed.
        """
        need("fsspec", "remote", str(self))
        from fsspec.core import url_to_fs

        system, path = url_to_fs(str(self))
        return system, path

    def stamp(self) -> tuple[tuple[str, str], ...]:
        """Size, times and tags of the file as the place tells them now."""
        with reaching(self):
            system, path = self.system()
            system.invalidate_cache(path)
            told = system.info(path)
            return tuple((mark, str(told[mark])) for mark in MARKS if told.get(mark) is not None)

    def open(self) -> IO[bytes]:
        """The file; what is read of it is asked for as one range, and nothing else."""
        system, path = self.system()
        found: IO[bytes] = system.open(path, "rb", cache_type="none")
        return found

    def listed(self) -> "list[Address]":
        """The files, and the folders, that a folder or a pattern holds; hidden ones are none."""
        with reaching(self):
            system, path = self.system()
            system.invalidate_cache(path)
            names = system.glob(path) if self.is_pattern else system.ls(path, detail=False)
        found = []
        for name in map(str, names):
            whole = Address.of(name) if "://" in name else None
            found.append(Address(self.chain, self.scheme, name if whole is None else whole.path))
        return [each for each in found if each.name and each.name[0] not in "._"]


def as_typed(path: Path | str) -> str:
    """A path as its user knows it; addresses with both slashes.

    Examples
    --------
    >>> as_typed(Path("s3://bucket/z.npy")), as_typed("z.npy")
    ('s3://bucket/z.npy', 'z.npy')
    """
    address = Address.of(path)
    return str(path if address is None or Path(path).exists() else address)


@contextmanager
def reaching(address: Address) -> Iterator[None]:
    """Whatever a place or the way to it says becomes one line about the address.

    Raises
    ------
    ArrayError : no such file, no right to read it, a package that is missing, a place that does not answer.
    """
    try:
        yield
    except ZPointsError:
        raise
    except Exception as error:  # each of these packages has classes of its own
        raise ArrayError(f"{one_line(str(address))}: {_said(error, address.scheme)}") from error


def _said(error: Exception, scheme: str) -> str:
    # Of the web, fsspec says "not found" whatever it was; the reason stands behind.
    causes = [each for each in (error, error.__cause__, error.__context__) if each is not None]
    names = {type(each).__name__ for each in causes}
    if isinstance(error, ImportError):
        package = PACKAGES.get(scheme, "")
        return f"needs {package}: pip install {package}" if package else f"needs a package ({reason(error)})"
    if isinstance(error, PermissionError) or names & set(WITHOUT_RIGHTS):
        return f"may not be read ({reason(error)}); give this user, and the workers, the right to it"
    status = next((found for each in causes if (found := getattr(each, "status", None)) in REFUSED), None)
    if status is not None:
        return (
            f"may not be read (the server answers {status}); give this user, and the workers, the right to it"
        )
    unreachable = next((each for each in causes if "Connect" in type(each).__name__), None)
    if unreachable is not None:
        return f"cannot be reached ({reason(unreachable)}); look at the address and the network"
    if isinstance(error, FileNotFoundError):
        return "there is no such file; look at the address, or list what is there"
    if "Protocol not known" in str(error):
        return f"no kind of place is known as {scheme}://; fsspec knows those that there are"
    return f"cannot be read ({reason(error)}); start again, or fetch it and name the file"
