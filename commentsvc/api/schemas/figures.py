"""A site's figures, and what other thresholds would have done."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from commentsvc.api.schemas.fields import (
    BaseSchema,
    Choice,
    Items,
    Moment,
    Named,
    Part,
    Share,
    Text,
    Whole,
    YesNo,
)
from commentsvc.figures.days import MOST_DAYS
from commentsvc.figures.tables import Kind
from commentsvc.screening.toxicity import LABELS


class Cell(fields.Field[Any]):
    """What stands in a table: text, a number or nothing."""


class PeriodQuery(BaseSchema):
    """`days`, or `from` and `to`."""

    days = Whole(least=1, most=MOST_DAYS, digits=True, metadata={"description": "The last so many days, today included."})
    first = Text(data_key="from", metadata={"description": "The first day, as 2026-01-31."})
    last = Text(data_key="to", metadata={"description": "The last day; today where it is left out."})


class TuningQuery(PeriodQuery):
    """The period, the model, and a threshold for each label that shall not have the limit that holds now."""

    model = Text(metadata={"description": "One of `models`; the latest by default."})


def _threshold(label: str) -> Text:
    return Text(data_key=label, metadata={"description": "Try this limit, rounded to hundredths; the one that holds now by default."})


ThresholdsQuery: type[BaseSchema] = type(
    "ThresholdsQuery", (TuningQuery,), {"__doc__": TuningQuery.__doc__, "__module__": __name__} | {label: _threshold(label) for label in LABELS}
)


class PeriodSchema(BaseSchema):
    first = Text(required=True, data_key="from", metadata={"format": "date"})
    last = Text(required=True, data_key="to", metadata={"format": "date"})
    timezone = Text(required=True, metadata={"description": "At whose midnights its days begin."})


class ColumnSchema(BaseSchema):
    name = Text(required=True)
    title = Text(required=True)
    kind = Choice(Kind, required=True, metadata={"description": "A share and a score are 0 to 1, a time in seconds, a day as 2026-01-31."})


class TableSchema(BaseSchema):
    key = Text(required=True)
    title = Text(required=True)
    columns = Items(Part(ColumnSchema), required=True)
    rows = Items(
        Named(keys=Text(), values=Cell(allow_none=True, metadata={"type": ["string", "number", "null"]})), required=True,
        metadata={"description": "Each has a value for each column, by its name."},
    )


class OldestSchema(BaseSchema):
    comment_id = Text(required=True)
    created_at = Moment(required=True)


class FiguresSchema(BaseSchema):
    """What the days of the period add up to; see the dashboard for the words."""

    period = Part(PeriodSchema, required=True)
    counted_at = Moment(required=True, allow_none=True, metadata={"description": "Up to when; null before a worker counted."})
    recounting = YesNo(required=True, metadata={"description": "Some days still begin at another time zone's midnight."})
    posted = Whole(required=True)
    median_seconds = Share(required=True, allow_none=True, metadata={"description": "Time to decision of held comments, exact to 1 %."})
    p95_seconds = Share(required=True, allow_none=True)
    waiting = Whole(required=True, metadata={"description": "In the held queue at the end of the period."})
    oldest = Part(OldestSchema, required=True, allow_none=True, metadata={"description": "Who waits longest now."})
    tables = Items(Part(TableSchema), required=True)


class OutcomeSchema(BaseSchema):
    """What the queue would have held. Shares are over judged comments, and with what is assumed of unjudged ones."""

    held = Whole(required=True)
    held_a_day = Share(required=True)
    rejected = Whole(required=True, metadata={"description": "Of these, how many people rejected."})
    approved = Whole(required=True)
    unjudged = Whole(required=True)
    missed = Whole(required=True, metadata={"description": "Rejected by people, and the queue would not have held them."})
    precision = Share(required=True, allow_none=True)
    recall = Share(required=True, allow_none=True)


class TuningStepSchema(OutcomeSchema):
    threshold = Share(required=True)
    precision_if_fine = Share(required=True, allow_none=True, metadata={"description": "If all unjudged comments were fine."})
    precision_if_alike = Share(required=True, allow_none=True, metadata={"description": "If they were as the judged ones in their tenth of scores."})
    recall_if_alike = Share(required=True, allow_none=True)


class CurveSchema(BaseSchema):
    """One label's limit moves, the others are as chosen."""

    now = Part(TuningStepSchema, required=True)
    chosen = Part(TuningStepSchema, required=True)
    steps = Items(Part(TuningStepSchema), required=True, metadata={"description": "At each hundredth."})


class TuningSchema(BaseSchema):
    period = Part(PeriodSchema, required=True)
    model = Text(required=True, allow_none=True)
    models = Named(keys=Text(), values=Whole(), required=True, metadata={"description": "By model and version: comments it scored."})
    comments = Whole(required=True, metadata={"description": "That a limit can hold or let pass."})
    judged = Whole(required=True)
    unscored = Whole(required=True)
    days = Share(required=True, metadata={"description": "That `held_a_day` is an average of."})
    limits = Named(keys=Text(), values=Share(), required=True, metadata={"description": "That hold now."})
    chosen = Named(keys=Text(), values=Share(), required=True)
    together = Part(OutcomeSchema, required=True, allow_none=True, metadata={"description": "At all chosen limits; null without scores."})
    together_now = Part(OutcomeSchema, required=True, allow_none=True)
    labels = Named(keys=Text(), values=Part(CurveSchema), required=True)


class MorningMailSchema(BaseSchema):
    wanted = YesNo(required=True)
