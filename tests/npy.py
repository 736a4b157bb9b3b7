"""Integer matrices as .npy files, for tests that have no NumPy."""


def write(path, rows, columns, values):
    """Writes int32 values, row by row."""
    header = f"{{'descr': '<i4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    data = b"".join(value.to_bytes(4, "little", signed=True) for value in values)
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data)


def read(path):
    """The int32 values of a file of version 1.0."""
    data = path.read_bytes()
    data = data[10 + int.from_bytes(data[8:10], "little"):]
    return [int.from_bytes(data[i : i + 4], "little", signed=True) for i in range(0, len(data), 4)]
