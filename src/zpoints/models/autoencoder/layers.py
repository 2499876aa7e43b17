"""Layers that are PyTorch's own, but for one property each."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

__all__ = ["BatchNorm", "TransposedConvolution"]


class BatchNorm(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` that bears a channel of one value: of one value there is no variance.

    A map of 1x1 pixels of a single picture (the rest of a batch, a batch of which memory holds one picture at a time)
    is then normalised by what was learnt so far, as it is after the training.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to the same."""
        if not self.training or x.numel() > x.shape[1]:
            return super().forward(x)
        return functional.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


class TransposedConvolution(nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d` with the gradient of its bias taken as a plain sum.

    oneDNN sums a transposed convolution's bias gradient in a slow loop of its own: a twelfth of a whole training
    step of the articles' network. Weights, results and gradients are those of PyTorch's layer.
    """

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(n, channels, h, w) to (n, channels, about 2 h, about 2 w)."""
        weight, bias = self.weight, self.bias
        ordinary = x.device.type != "cpu" or output_size is not None or not torch.is_grad_enabled()
        if ordinary or bias is None:
            return super().forward(x, output_size)
        if torch.is_autocast_enabled("cpu"):
            # Autocast does not reach into a function with a gradient of its own.
            kind = torch.get_autocast_dtype("cpu")
            x, weight, bias = x.to(kind), weight.to(kind), bias.to(kind)
        result: Tensor = _Transposed.apply(x, weight, bias, self.stride, self.padding, self.output_padding)
        return result


class _Transposed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, *geometry: tuple[int, ...]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        with torch.autocast("cpu", enabled=False):
            return functional.conv_transpose2d(x, weight, bias, *geometry)  # type: ignore[arg-type]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, output_padding = ctx.geometry
        of_x, of_weight, _ = torch.ops.aten.convolution_backward(
            gradient,
            x,
            weight,
            None,
            stride,
            padding,
            (1, 1),
            True,
            output_padding,
            1,
            [ctx.needs_input_grad[0], ctx.needs_input_grad[1], False],
        )
        return of_x, of_weight, gradient.sum((0, 2, 3)), None, None, None
