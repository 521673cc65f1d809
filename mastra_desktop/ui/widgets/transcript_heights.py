"""Sums of many heights that change one at a time."""

from collections.abc import Iterable


class Heights:
    """A Fenwick tree: setting a height and finding the item at a position cost O(log n)."""

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._values: list[int] = []
        self._tree: list[int] = [0]
        self.reset(values)

    def reset(self, values: Iterable[int]) -> None:
        """Replace everything; O(n)."""
        self._values = list(values)
        tree = [0, *self._values]
        size = len(tree)
        for i in range(1, size):
            parent = i + (i & -i)
            if parent < size:
                tree[parent] += tree[i]
        self._tree = tree

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int) -> int:
        return self._values[index]

    def __setitem__(self, index: int, value: int) -> None:
        change = value - self._values[index]
        if not change:
            return
        self._values[index] = value
        i = index + 1
        while i < len(self._tree):
            self._tree[i] += change
            i += i & -i

    def append(self, value: int) -> None:
        """Add one at the end."""
        self._values.append(value)
        i = len(self._values)
        total, stop, j = value, i - (i & -i), i - 1
        while j > stop:
            total += self._tree[j]
            j -= j & -j
        self._tree.append(total)

    def truncate(self, count: int) -> None:
        """Keep the first `count`."""
        del self._values[count:]
        del self._tree[count + 1 :]

    def values(self) -> list[int]:
        """A copy of all heights."""
        return list(self._values)

    @property
    def total(self) -> int:
        return self.before(len(self._values))

    def before(self, index: int) -> int:
        """The sum of the heights of all items before `index`."""
        total = 0
        while index:
            total += self._tree[index]
            index &= index - 1
        return total

    def find(self, position: int) -> int:
        """The index of the item that covers `position`; the nearest for positions outside, 0 if empty."""
        index, step = 0, 1 << (len(self._values).bit_length() or 1)
        while step:
            nearer = index + step
            if nearer < len(self._tree) and self._tree[nearer] <= position:
                index = nearer
                position -= self._tree[nearer]
            step >>= 1
        return max(0, min(index, len(self._values) - 1))
