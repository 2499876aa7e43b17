"""PyTorch's tensors as arrays, on any device, of any type of number, with gradients or without."""

from typing import TYPE_CHECKING, Any

import numpy as np

from zpoints.errors import ArrayError

if TYPE_CHECKING:
    import torch

__all__ = ["check_tensor", "dtype_of", "to_numpy"]


def check_tensor(where: str, tensor: "torch.Tensor") -> None:
    """Refuse tensors whose rows are not numbers in a row.

    Raises
    ------
    ArrayError : sparse, nested or quantised; without values; or larger than what it is kept in.
    """
    import torch

    if tensor.is_sparse or tensor.layout != torch.strided or tensor.is_nested:
        raise ArrayError(f"{where}: the tensor is {tensor.layout!s:.30}, not dense; give its .to_dense()")
    if tensor.is_quantized:
        raise ArrayError(f"{where}: the tensor is quantised; give its .dequantize()")
    if tensor.is_meta:
        raise ArrayError(f"{where}: the tensor is on the device 'meta' and has no values")


def dtype_of(tensor: "torch.Tensor") -> np.dtype:
    """The type that `to_numpy` gives; float32 for floating ones that NumPy does not know."""
    return to_numpy(tensor[:0] if tensor.ndim else tensor).dtype


def to_numpy(tensor: Any) -> np.ndarray:
    """Its values, shared where they lie in memory already."""
    import torch

    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    known = (torch.float16, torch.float32, torch.float64)
    if tensor.is_floating_point() and tensor.dtype not in known:
        tensor = tensor.float()
    return tensor.numpy()
