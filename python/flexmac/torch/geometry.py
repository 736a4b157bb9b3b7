"""How the input of a layer lies as the rows of a matrix."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rows:
    """A linear layer: the input is the matrix."""

    def unfold(self, values: NDArray[Any]) -> NDArray[Any]:
        return values

    def weight(self, values: NDArray[Any]) -> NDArray[Any]:
        return values

    def weight_back(self, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return values

    def output(self, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return values

    def output_back(self, values: NDArray[Any]) -> NDArray[Any]:
        return values


@dataclass(frozen=True)
class Patches:
    """A convolution: a row is a patch, in the order filter row, filter column, channel, as in `flexmac train`."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]

    def places(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Rows and columns of the output for images of (batch, channels, rows, columns)."""
        rows, columns = (
            (shape[2 + axis] + 2 * self.padding[axis] - self.kernel[axis]) // self.stride[axis] + 1
            for axis in (0, 1)
        )
        if rows < 1 or columns < 1:
            raise ValueError(f"Conv2d: expected images no smaller than the filter {self.kernel}, found {shape}")
        return rows, columns

    def unfold(self, values: NDArray[Any]) -> NDArray[Any]:
        """(batch, channels, rows, columns) to (batch * places, filter rows * filter columns * channels)."""
        batch, channels = values.shape[:2]
        rows, columns = self.places(values.shape)
        (top, left), (down, right) = self.padding, self.stride
        padded = np.pad(values, ((0, 0), (0, 0), (top, top), (left, left)))
        view: Any = np.lib.stride_tricks.sliding_window_view  # numpy's types know no pair of axes
        windows = view(padded, self.kernel, axis=(2, 3))
        windows = windows[:, :, ::down, ::right].transpose(0, 2, 3, 4, 5, 1)
        return windows.reshape(batch * rows * columns, self.kernel[0] * self.kernel[1] * channels)

    def fold(self, patches: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """Sums patches where they overlap: the transpose of `unfold`."""
        batch, channels, height, width = shape
        rows, columns = self.places(shape)
        (top, left), (down, right) = self.padding, self.stride
        patches = patches.reshape(batch, rows, columns, *self.kernel, channels).transpose(0, 5, 1, 2, 3, 4)
        sums = np.zeros((batch, channels, height + 2 * top, width + 2 * left), patches.dtype)
        for row in range(self.kernel[0]):
            for column in range(self.kernel[1]):
                sums[
                    :, :, row : row + down * rows : down, column : column + right * columns : right
                ] += patches[..., row, column]
        return sums[:, :, top : top + height, left : left + width]

    def weight(self, values: NDArray[Any]) -> NDArray[Any]:
        return values.transpose(0, 2, 3, 1).reshape(values.shape[0], -1)

    def weight_back(self, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        channels_out, channels_in = shape[:2]
        return values.reshape(channels_out, *self.kernel, channels_in).transpose(0, 3, 1, 2)

    def output(self, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        return values.reshape(shape[0], *self.places(shape), -1).transpose(0, 3, 1, 2)

    def output_back(self, values: NDArray[Any]) -> NDArray[Any]:
        return values.transpose(0, 2, 3, 1).reshape(-1, values.shape[1])
