"""Cut the path from a baseline to an input into the pieces on which a net is linear."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from xgradient._explained import Explained, module_of
from xgradient.attribution._gradients import accumulator, input_gradient
from xgradient.attribution._piecewise import AllChanged, NotPiecewiseLinearError, PathWatch

__all__ = ["PathIntegral", "PathPieces"]


@dataclass(frozen=True)
class PathPieces:
    """How `exact_integrated_gradients` cut the path of every row into pieces.

    Attributes
    ----------
    n_pieces : Tensor of shape (N,), int64
        Number of pieces, of which neighbours may be alike.
    ends : tuple of N Tensor, float64
        For every row the ends of its pieces on the path from 0 to 1, ascending, with both.
    complete : Tensor of shape (N,), bool
        Whether the budget was enough to find all of them.
    unresolved : Tensor of shape (N,)
        The part of the path, between 0 and 1, on which the net is not known to be linear: what
        was left when the budget ended, and pieces shorter than the type of the inputs can
        resolve.
    convergence_delta : Tensor of shape (N,)
        Sum of the attribution minus the change of the score from the baseline to the input;
        ``sum_i |error_i|`` is at least its size.
    error_bound : Tensor of shape (N,)
        ``sum_i |error_i|`` is at most that, up to rounding.
    """

    n_pieces: Tensor
    ends: tuple[Tensor, ...]
    complete: Tensor
    unresolved: Tensor
    convergence_delta: Tensor
    error_bound: Tensor


@dataclass(frozen=True)
class _Segment:
    """A part of the path of a row."""

    row: int
    begin: float
    end: float

    @property
    def length(self) -> float:
        return self.end - self.begin

    @property
    def middle(self) -> float:
        return self.begin + self.length / 2


class PathIntegral:
    """Integral of the gradient along straight paths, piece by piece.

    Parameters
    ----------
    task : Explained
        The net, inputs (N, ...) and scores.
    starts : sequence of Tensor, each of shape (N, ...)
        Where the paths begin.
    max_pieces : int
        Largest number of pieces per row.
    n_rows : int
        Largest number of points per pass through the net; at least 2.
    """

    def __init__(
        self, task: Explained, starts: Sequence[Tensor], max_pieces: int, n_rows: int
    ) -> None:
        self._task = task
        self._starts = starts
        self._directions = [x - s for x, s in zip(task.inputs, starts, strict=True)]
        self._max_pieces = max_pieces
        self._n_rows = n_rows
        dtype = self._directions[0].dtype
        self._eps = torch.finfo(dtype).eps
        # Neighbouring points of the path differ in few numbers if they are closer than that.
        self._gap = 4 * self._eps
        device = self._directions[0].device
        self._totals = [torch.zeros_like(d, dtype=accumulator(d.dtype)) for d in self._directions]

        def zeros() -> Tensor:
            return torch.zeros(task.n_rows, dtype=torch.float64, device=device)

        self._n_pieces = [1] * task.n_rows
        self._begins: list[list[float]] = [[] for _ in range(task.n_rows)]
        # Lengths of the path that are not resolved; over the first of them, the integral of the
        # size of the gradient that stands for the true one.
        self._unresolved, self._merged, self._steepness = zeros(), zeros(), zeros()
        # Sums over the pieces of what their attributions miss of the change of the score.
        self._delta, self._defect, self._tolerated = zeros(), zeros(), zeros()
        self._closed: list[tuple[_Segment, float, float, bool]] = []

    def attributions(self) -> tuple[list[Tensor], PathPieces]:
        """Cut, and integrate.

        Returns
        -------
        attributions : list of Tensor, each of shape (N, ...)
            Integral of the gradient along the path, times the difference of its ends.
        pieces : PathPieces
            What is known of them.
        """
        waiting = deque(_Segment(row, 0.0, 1.0) for row in range(self._task.n_rows))
        while waiting:
            chunk, rows, places = self._next(waiting)
            waiting.extend(self._cut(chunk, rows, places))
            while len(self._closed) >= self._n_rows:
                self._integrate()
        while self._closed:
            self._integrate()
        self._check()
        products = [
            (total * d).to(d.dtype) for total, d in zip(self._totals, self._directions, strict=True)
        ]
        return products, self._pieces()

    def _next(self, waiting: deque[_Segment]) -> tuple[list[_Segment], list[int], list[float]]:
        """Segments for one pass, and their ends; neighbours on a path share the end between them.

        First in, first out: when the budget ends, all parts of a path have been cut as finely.
        """
        chunk: list[_Segment] = []
        rows: list[int] = []
        places: list[float] = []
        while waiting:
            segment = waiting[0]
            shared = bool(rows) and (rows[-1], places[-1]) == (segment.row, segment.begin)
            if len(rows) + (1 if shared else 2) > self._n_rows:
                break
            chunk.append(waiting.popleft())
            if not shared:
                rows.append(segment.row)
                places.append(segment.begin)
            rows.append(segment.row)
            places.append(segment.end)
        return chunk, rows, places

    def _cut(
        self, chunk: Sequence[_Segment], rows: Sequence[int], places: Sequence[float]
    ) -> list[_Segment]:
        """Cut segments where the first call that changes does so; close those without change."""
        lasts = {
            (row, place): number
            for number, (row, place) in enumerate(zip(rows, places, strict=True))
        }
        firsts = [lasts[segment.row, segment.end] - 1 for segment in chunk]
        device = self._unresolved.device
        pairs = torch.zeros(len(rows) - 1, dtype=torch.bool, device=device)
        pairs[firsts] = True
        budgets_left = all(self._n_pieces[s.row] < self._max_pieces for s in chunk)
        watch = PathWatch(module_of(self._task.model), pairs, may_stop=budgets_left)
        scores = self._scores(watch, rows, places)
        changes: dict[int, list[float]] = {}
        for numbers, found in watch.changes:
            for number, place in zip(numbers.tolist(), found.tolist(), strict=True):
                changes.setdefault(number, []).append(place)
        pieces: list[_Segment] = []
        for segment, first in zip(chunk, firsts, strict=True):
            cuts = self._cuts(segment, changes[first]) if first in changes else []
            if cuts:
                ends = [segment.begin, *cuts, segment.end]
                pieces += [_Segment(segment.row, begin, end) for begin, end in pairwise(ends)]
                self._n_pieces[segment.row] += len(cuts)
                continue
            assert scores is not None
            resolved = first not in changes or self._n_pieces[segment.row] < self._max_pieces
            self._begins[segment.row].append(segment.begin)
            self._closed.append((segment, scores[first], scores[first + 1], resolved))
        return pieces

    def _scores(
        self, watch: PathWatch, rows: Sequence[int], places: Sequence[float]
    ) -> list[float] | None:
        """Scores of points, seen by a watch; None if it stopped the net."""
        numbers = torch.tensor(rows, device=self._unresolved.device)
        points = self._points(numbers, places)
        watch.follow(points)
        modules = watch.modules.followed(lambda module: False, _nothing, _nothing)
        try:
            with torch.no_grad(), modules, watch:
                scores = self._task.scores(points, numbers)
        except AllChanged:
            return None
        watch.lipschitz(scores)  # refuses scores that it has not seen
        return scores.double().tolist()

    def _cuts(self, segment: _Segment, places: Sequence[float]) -> list[float]:
        """Places, strictly inside a segment and apart from each other, within the budget."""
        apart = []
        last = segment.begin
        for place in sorted(segment.begin + place * segment.length for place in places):
            if place - last > self._gap and segment.end - place > self._gap:
                apart.append(place)
                last = place
            else:
                self._merged[segment.row] += self._gap
        allowed = self._max_pieces - self._n_pieces[segment.row]
        if len(apart) <= allowed:
            return apart
        return [apart[len(apart) * n // allowed] for n in range(allowed)]

    def _points(self, rows: Tensor, places: Sequence[float]) -> list[Tensor]:
        points = []
        for start, direction in zip(self._starts, self._directions, strict=True):
            steps = torch.tensor(places, dtype=direction.dtype, device=direction.device)
            steps = steps.view(-1, *(1 for _ in direction.shape[1:]))
            points.append(torch.addcmul(start[rows], steps, direction[rows]))
        return points

    def _integrate(self) -> None:
        """Add the gradients in the middle of some closed segments."""
        closed, self._closed = self._closed[: self._n_rows], self._closed[self._n_rows :]
        segments = [segment for segment, *_ in closed]
        device = self._unresolved.device
        rows = torch.tensor([segment.row for segment in segments], device=device)
        points = self._points(rows, [segment.middle for segment in segments])
        gradients = input_gradient(lambda tracked: self._task.scores(tracked, rows), points)
        lengths = torch.tensor([s.length for s in segments], dtype=torch.float64, device=device)
        slopes, squares = torch.zeros_like(lengths), torch.zeros_like(lengths)
        for total, gradient, direction in zip(
            self._totals, gradients, self._directions, strict=True
        ):
            weights = lengths.to(total.dtype).view(-1, *(1 for _ in gradient.shape[1:]))
            total.index_add_(0, rows, gradient.to(total.dtype) * weights)
            flat = gradient.flatten(1).double()
            slopes += (flat * direction[rows].flatten(1)).sum(1)
            squares += flat.square().sum(1)
        ends = torch.tensor([[a, b] for _, a, b, _ in closed], dtype=torch.float64, device=device)
        resolved = torch.tensor([each for *_, each in closed], device=device)
        changes = ends[:, 1] - ends[:, 0]
        missed = slopes * lengths - changes
        rounding = 64 * self._eps * ends.abs().amax(1) + self._eps**0.5 * changes.abs()
        self._delta.index_add_(0, rows, missed)
        self._defect.index_add_(0, rows, missed.abs() * resolved)
        self._tolerated.index_add_(0, rows, rounding)
        self._unresolved.index_add_(0, rows, lengths * ~resolved)
        self._steepness.index_add_(0, rows, lengths * squares.sqrt() * ~resolved)

    def _check(self) -> None:
        """Compare the gradients with the scores, which no error in seeing the calls survives."""
        wrong = (self._defect > self._tolerated).nonzero().flatten().tolist()
        if wrong:
            row = wrong[0]
            raise NotPiecewiseLinearError(
                f"the gradient of row {row} does not sum to the change of its score on pieces of "
                f"the path that look linear (difference {float(self._defect[row]):.2g}): look for "
                "a detach, a hook, an autograd function or compiled code in the net, whose "
                "gradient is another one or whose choices cannot be seen"
            )

    def _pieces(self) -> PathPieces:
        unresolved = self._unresolved + self._merged
        bound = torch.zeros_like(unresolved)
        if unresolved.any():
            norms = sum(d.flatten(1).double().square().sum(1) for d in self._directions)
            steepest = torch.tensor(
                [
                    self._lipschitz(row) if length > 0 else 0.0
                    for row, length in enumerate(unresolved)
                ],
                dtype=torch.float64,
                device=unresolved.device,
            )
            # What stands for the true gradient on a merged piece is a gradient of the net, too.
            error = self._steepness + (self._unresolved + 2 * self._merged) * steepest
            bound = error * torch.as_tensor(norms).sqrt()
        return PathPieces(
            torch.tensor(self._n_pieces, device=unresolved.device),
            tuple(
                torch.tensor([*sorted(begins), 1.0], dtype=torch.float64, device=unresolved.device)
                for begins in self._begins
            ),
            self._unresolved == 0,
            unresolved.clamp(max=1.0),
            self._delta,
            bound,
        )

    def _lipschitz(self, row: int) -> float:
        """Lipschitz constant of the score of a row."""
        numbers = torch.tensor([row], device=self._unresolved.device)
        pairs = torch.zeros(0, dtype=torch.bool, device=self._unresolved.device)
        watch = PathWatch(module_of(self._task.model), pairs, lipschitz=True)
        points = self._points(numbers, [0.5])
        watch.follow(points)
        modules = watch.modules.followed(lambda module: False, _nothing, _nothing)
        with torch.no_grad(), modules, watch:
            scores = self._task.scores(points, numbers)
        return watch.lipschitz(scores)


def _nothing(*_: object) -> None:
    return None
