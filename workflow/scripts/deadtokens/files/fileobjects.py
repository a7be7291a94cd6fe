"""File objects for HDF5 to write to: one in memory, one that bears a full disk."""

import io

PAGE = 4096


class SparseFile(io.RawIOBase):
    """A file in memory that holds the pages written to, and zeros everywhere else."""

    def __init__(self):
        self._pages: dict[int, bytearray] = {}
        self._size = self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def truncate(self, size: int | None = None) -> int:
        self._size = self._at if size is None else size
        return self._size

    def write(self, content) -> int:
        left = memoryview(content).cast("B")
        while left:
            page, within = divmod(self._at, PAGE)
            part = left[: PAGE - within]
            self._pages.setdefault(page, bytearray(PAGE))[within : within + len(part)] = part
            self._at, left = self._at + len(part), left[len(part) :]
        self._size = max(self._size, self._at)
        return len(memoryview(content).cast("B"))

    def readinto(self, buffer) -> int:
        left = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        count = len(left)
        while left:
            page, within = divmod(self._at, PAGE)
            part = self._pages.get(page, bytes(PAGE))[within : within + len(left)]
            left[: len(part)] = part
            self._at, left = self._at + len(part), left[len(part) :]
        return count


class Output(io.FileIO):
    """A file on disk that takes no more once a write fails, and keeps the exception as `error`.

    HDF5 cannot close a file that it cannot write, and would leave it open until the process ends.
    """

    error: OSError | None = None

    def write(self, content) -> int:
        left = memoryview(content).cast("B")
        size = len(left)
        while left and self.error is None:
            try:
                left = left[super().write(left) :]
            except OSError as error:
                self.error = error
        return size

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return self.tell()

    def check(self) -> None:
        """Raise what went wrong, if anything did."""
        if self.error is not None:
            raise self.error
