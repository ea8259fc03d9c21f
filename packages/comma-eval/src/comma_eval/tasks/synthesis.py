"""Does a crystal find the protocol of an unseen material, and a protocol its crystal?

Queries and gallery come from formulas that no training sample has; any known protocol of a formula answers its
structures. Protocols carry no polymorph label, so polymorphs of one formula are equally right.

In the open gallery the elements decide nearly everything. The hard pools ask among formulas that the elements, or the
cations, do not tell apart, and among the 20 of nearest composition (`neighbourhoods`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from comma_data.protocol import VIEWS, with_view
from comma_data.sample import Sample

from comma_eval.baselines import composition, nearest_recipes, refuse_taken
from comma_eval.baselines.amounts import ElementAmounts, gives_amounts
from comma_eval.baselines.chance import Chance
from comma_eval.baselines.element_overlap import ElementOverlap
from comma_eval.counting import Counting
from comma_eval.embedding import EmbeddingScorer
from comma_eval.errors import EmptyTaskError, UsageError
from comma_eval.task import Embedder, Item, Needs, Report, Row, Scorer
from comma_eval.tasks import corruption
from comma_eval.tasks.pool import Pools, pools
from comma_eval.tasks.search import rows_and_items, scores_of
from comma_eval.tasks.synthesis_pools import ALL, POOLS, directions
from comma_eval.with_composition import WithComposition


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """Structure -> protocol against one protocol a formula; protocol -> structure against structures."""

    view: str = "precursors"
    """How the protocols are told: `precursors`, `amounts`, `masked` or `operations`."""
    pool: str = "open"
    """What is searched: `open` everything, `elements`, `cations`, `nearest`, or `all` of these one by one."""
    corrupted: float = 0.0
    """Share of the steps of held-out protocols that are not what they were, 0 to 1."""
    corruption: str = "drop"
    """What becomes of them: `drop` loses them, `swap` puts another recipe's in their place."""
    fused: bool = False
    """Whether a crystal is seen by its structure and by its composition, by models that read both."""
    counting: float = 0.0
    """Weight of the elements and amounts that both sides name, counted beside the similarity of a model's vectors."""

    def __post_init__(self) -> None:
        """Refuse a view, pool or corruption that does not exist."""
        corruption.check(self.corrupted, self.corruption)
        if self.view not in VIEWS:
            raise UsageError(f"unknown view {self.view!r}; known: {', '.join(VIEWS)}")
        if self.pool not in (*POOLS, ALL):
            raise UsageError(f"unknown pool {self.pool!r}; known: {', '.join((*POOLS, ALL))}")
        if not 0 <= self.counting < float("inf"):
            raise UsageError(f"counting is a weight of 0 or more; got {self.counting}")

    @property
    def needs(self) -> Needs:
        """Training protocols of any material; held-out materials with both sides."""
        return Needs(train=frozenset({"text"}), test=frozenset({"structure", "text"}))

    def model_of(self, embedder: Embedder) -> Scorer:
        """Similarity of vectors, and beside it what `counting` asks for."""
        vectors = EmbeddingScorer(embedder=WithComposition(embedder=embedder) if self.fused else embedder)
        return Counting(scorer=vectors, weight=self.counting) if self.counting else vectors

    def run(self, models: Mapping[str, Scorer], train: Sequence[Sample], test: Sequence[Sample]) -> Report:
        """Score the models and the baselines in both directions.

        Args:
            models: name -> scorer.
            train: what the composition model and the nearest recipes learn from; the others learn nothing.
            test: samples of the held-out formulas.

        Raises:
            EmptyTaskError: no formula of `test` has both a structure and a protocol, or none has a rival in the pool.
            UsageError: a model is called as a baseline is.
        """
        pool = pools([with_view(sample, self.view) for sample in test])
        if not pool.gallery.samples:
            raise EmptyTaskError(
                f"none of the {len(test)} samples has a structure and a protocol in the view {self.view!r}: "
                "build a data set that joins the two (`comma data build`), or choose another view"
            )
        pool = corruption.corrupted(pool, self.corrupted, self.corruption)
        lines = baselines([with_view(sample, self.view) for sample in train], pool)
        refuse_taken(models, lines)
        rows: list[Row] = []
        items: list[Item] = []
        for direction in directions(pool, self.view):
            ours, theirs = (scores_of(scorers, direction.queries, direction.gallery) for scorers in (models, lines))
            for name in POOLS if self.pool == ALL else (self.pool,):
                search = direction.within(name)
                if search.asked.any():
                    told, single = rows_and_items(search, ours, theirs)
                    rows, items = rows + told, items + single
        if not rows:
            raise EmptyTaskError(
                f"no formula of the {len(pool.gallery.samples)} has a rival in the pool {self.pool!r}: "
                "ask a larger data set, or another pool"
            )
        asked = {row.labels["pool"] for row in rows}
        idle = [name for name in POOLS if self.pool == ALL and name not in asked]
        spoilt = {f"steps corrupted ({self.corruption})": f"{self.corrupted:.0%}"} if self.corrupted else {}
        facts = {
            "view": self.view,
            **spoilt,
            **({"crystals": "by structure and composition, where a model reads both"} if self.fused else {}),
            **(
                {"counted beside the vectors": f"elements and amounts, weight {self.counting:g}"}
                if self.counting
                else {}
            ),
            **({"pools in which no formula has a rival": ", ".join(idle)} if idle else {}),
        }
        return Report(task="synthesis", rows=tuple(rows), facts=facts, items=tuple(items))


def baselines(train: Sequence[Sample], pool: Pools) -> dict[str, Scorer]:
    """What the model has to beat on these pools; amounts only where the view gives them."""
    amounts: dict[str, Scorer] = {"element overlap + amounts": ElementAmounts()}
    return {
        "chance": Chance(),
        "element overlap": ElementOverlap(),
        **(amounts if gives_amounts(pool.gallery.samples) else {}),
        "nearest recipes": nearest_recipes.fit(train),
        "composition MLP": EmbeddingScorer(embedder=composition.fit(train)),
    }
