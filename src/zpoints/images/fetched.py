"""Data sets that scikit-learn downloads."""

from typing import Any

from zpoints.errors import SourceError, reason

__all__ = ["fetch"]

INSTEAD = "use 'faces', 'orl', a folder, a zip or an array"


def fetch(name: str, fetcher: str, **arguments: Any) -> Any:
    """What a function of ``sklearn.datasets`` gives.

    Raises
    ------
    SourceError : it cannot be downloaded.
    """
    from sklearn import datasets  # takes a second

    try:
        return getattr(datasets, fetcher)(**arguments)
    except Exception as error:  # network, disk, checksum: each scikit-learn release raises other types
        raise SourceError(f"{name}: scikit-learn cannot download it ({reason(error)}); {INSTEAD}") from error
