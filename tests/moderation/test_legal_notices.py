"""What anybody says is illegal about a comment is answered by a decision, and she is told at once, and then how."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from sqlalchemy import func, select, update

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.errors import CommentsvcError, Conflict, Invalid, NotAllowed
from commentsvc.extensions import db
from commentsvc.figures.dashboard import figures_of, today_of
from commentsvc.figures.days import last_days
from commentsvc.moderation.bulk import Judged, decide_many
from commentsvc.moderation.decide import approve, latest_decision, reject, undo, withdraw
from commentsvc.moderation.flags import flag
from commentsvc.moderation.legal_notices import (
    EXPLANATION_LENGTH,
    RECEIPTS_HOURLY,
    Claim,
    forget_notices,
    page_of_notices,
    send_notice,
)
from commentsvc.moderation.models import LegalNotice, NoticeStatus, Reason, Statement
from commentsvc.moderation.queue import Queue, page_of_cards
from commentsvc.moderation.statement_export import report
from commentsvc.privacy.erasure import ask_erasure, erase_due
from commentsvc.privacy.takeout import takeout
from commentsvc.review.dashboard import sections_of
from commentsvc.sites.models import Article, Site
from tests.factories import make_article, make_comment, make_site, make_user
from tests.pseudo import TAG, speak_pseudo

pytestmark = pytest.mark.usefixtures("app")

CLAIM = Claim(
    kind="threat", explanation="He says that he will burn down the house of the mayor.", name="Ines Secret", email="ines@example.org", good_faith=True,
)


@pytest.fixture
def site() -> Site:
    return make_site(name="Harbour Post")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The wall at old quay")


@pytest.fixture
def nora(site: Site) -> User:
    return make_user("Nora Lind", role=Role.COMMUNITY_MANAGER, site=site)


def sent(comment: Comment, claim: Claim = CLAIM, *, user: User | None = None, language: str = "en") -> LegalNotice:
    notice = send_notice(comment, claim, user=user, language=language)
    db.session.commit()
    return notice


def mails_to(address: str) -> list[Mail]:
    return list(db.session.scalars(select(Mail).where(Mail.recipient == address).order_by(Mail.id)))


def test_a_notice_is_confirmed_at_once_and_stands_first_in_the_flagged_queue(article: Article, site: Site) -> None:
    flagged, noticed = make_comment(article), make_comment(article)
    for _ in range(5):
        flag(flagged, make_user(), "abuse")
    notice = sent(noticed)
    assert (notice.status, notice.revision, noticed.notice_count, noticed.flag_count) == ("open", 1, 1, 1)
    receipt, = mails_to("ines@example.org")
    assert receipt.subject == "We have received your legal notice"
    assert notice.puid in receipt.text
    assert f"#comment-{noticed.id}" in receipt.text
    assert "burn" not in receipt.text
    assert "Ines" not in receipt.text  # nobody has proved that the address is hers
    assert receipt.next_attempt_at <= utcnow()
    found, _ = page_of_cards(site, Queue.FLAGGED)
    assert [card.comment.id for card in found] == [noticed.id, flagged.id]
    assert [n.explanation for n in found[0].notices] == [CLAIM.explanation]
    flag(noticed, make_user(), "abuse")
    found, _ = page_of_cards(site, Queue.FLAGGED)
    assert (found[0].comment.id, noticed.flag_count) == (noticed.id, 2)


def test_it_is_answered_in_the_language_of_the_form(article: Article, nora: User, monkeypatch: pytest.MonkeyPatch) -> None:
    speak_pseudo(monkeypatch)
    comment = make_comment(article)
    sent(comment, language=TAG)
    reject(comment, actor=nora, reason=Reason.THREAT, seen=comment.version)
    assert [mail.subject for mail in mails_to("ines@example.org")] == [
        "«We have received your legal notice»", "«Your legal notice: the comment was taken off»",
    ]


def test_a_rejection_answers_it_and_states_it_as_the_source(article: Article, nora: User) -> None:
    comment = make_comment(article)
    flag(comment, make_user(), "abuse")
    notice = sent(comment)
    reject(comment, actor=nora, reason=Reason.THREAT, seen=comment.version, law="§ 126 StGB")
    statement, = db.session.scalars(select(Statement))
    assert (statement.source_type, statement.decision_ground) == ("SOURCE_ARTICLE_16", "DECISION_GROUND_ILLEGAL_CONTENT")
    assert statement.decision_facts.startswith("Somebody sent a notice that the comment is illegal. Readers flagged the comment.")
    author = db.session.get_one(User, comment.author_id)
    told = " ".join(mail.text for mail in mails_to(author.email or ""))
    assert "§ 126 StGB" in told
    assert "Ines" not in told
    assert (notice.status, notice.decided_by_id, comment.notice_count, comment.flag_count) == ("upheld", nora.id, 0, 0)
    decided = mails_to("ines@example.org")[-1]
    for words in ("was taken off", "Threat or incitement", "§ 126 StGB", "No automated means", "out-of-court", notice.puid):
        assert words in decided.text
    assert "Nora" not in decided.text
    assert decided.next_attempt_at > utcnow()


def test_letting_the_comment_stand_needs_an_answer_which_she_is_told(article: Article, nora: User, site: Site) -> None:
    comment = make_comment(article)
    notice = sent(comment)
    with pytest.raises(Invalid) as refused:
        approve(comment, actor=nora, seen=comment.version)
    assert (refused.value.code, refused.value.field) == ("notice_open", "answer")
    refusal, = decide_many(site, [Judged(comment.id, comment.version)], actor=nora, reason=None).refused
    assert refusal.code == "notice_open"
    approve(comment, actor=nora, seen=comment.version, answer="It is a line from a well-known song.")
    assert (notice.status, comment.status, comment.notice_count, comment.flag_count) == ("dismissed", Status.PUBLISHED, 0, 0)
    decided = mails_to("ines@example.org")[-1]
    for words in ("The comment stays", "a well-known song", "No automated means", "send another notice", "out-of-court"):
        assert words in decided.text
    again = sent(comment)
    assert again.id != notice.id


def test_undoing_the_decision_opens_the_notice_again(article: Article, nora: User) -> None:
    comment = make_comment(article)
    flag(comment, make_user(), "abuse")
    notice = sent(comment)
    approve(comment, actor=nora, seen=comment.version, answer="A song.")
    decision = latest_decision(comment.id)
    assert decision is not None
    undo(decision, actor=nora)
    assert (notice.status, notice.answer, notice.decided_at, comment.notice_count, comment.flag_count) == ("open", "", None, 1, 2)
    assert [mail.kind for mail in mails_to("ines@example.org")] == ["notice_received"]  # she never heard of it
    rejected = reject(comment, actor=nora, reason=Reason.THREAT, seen=comment.version)
    db.session.execute(update(Mail).values(sent_at=utcnow()))
    undo(rejected, actor=nora)
    assert (notice.status, comment.notice_count, comment.flag_count) == ("open", 1, 2)
    assert mails_to("ines@example.org")[-1].subject == "Your legal notice is looked at again"


def test_what_a_program_takes_off_is_told_as_that_and_a_withdrawal_leaves_nothing_to_decide(article: Article) -> None:
    from commentsvc.moderation.decide import decide

    comment, taken = make_comment(article), make_comment(article)
    sent(comment)
    decide(comment, Status.REJECTED, actor=None, reason=Reason.THREAT, seen=comment.version)
    assert "A program decided this, without a person." in mails_to("ines@example.org")[-1].text
    notice = sent(taken)
    withdraw(taken, db.session.get_one(User, taken.author_id))
    assert (notice.status, notice.decided_by_id, taken.notice_count) == (NoticeStatus.MOOT, None, 0)
    assert "nothing left to decide" in mails_to("ines@example.org")[-1].text


@pytest.mark.parametrize(("changed", "field"), [
    ({"kind": "boring"}, "kind"), ({"explanation": "illegal!!"}, "explanation"), ({"explanation": "x" * (EXPLANATION_LENGTH + 1)}, "explanation"),
    ({"name": " \u200b "}, "name"), ({"name": "x" * 201}, "name"), ({"email": "ines"}, "email"), ({"good_faith": False}, "good_faith"),
])
def test_a_notice_that_lacks_something_says_what(article: Article, changed: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        send_notice(make_comment(article), replace(CLAIM, **changed), user=None, language="en")  # type: ignore[arg-type]
    assert refused.value.field == field


def test_whoever_reports_the_abuse_of_children_need_not_say_who_she_is(article: Article, nora: User) -> None:
    comment = make_comment(article)
    notice = sent(comment, replace(CLAIM, kind="minors", name="", email=""))
    assert (notice.name, notice.email, db.session.scalar(select(func.count()).select_from(Mail))) == ("", "", 0)
    reject(comment, actor=nora, reason=Reason.OTHER, seen=comment.version)
    assert notice.status == "upheld"


def test_a_second_notice_of_the_same_person_is_the_first_and_anothers_is_not(article: Article) -> None:
    comment, reader = make_comment(article), make_user()
    first = sent(comment)
    assert sent(comment, replace(CLAIM, explanation="It really is a threat, believe me.")).id == first.id
    others = sent(comment, replace(CLAIM, email="olga@example.org"))
    signed = sent(comment, user=reader)
    assert sent(comment, user=reader).id == signed.id
    assert len({first.id, others.id, signed.id}) == 3
    assert (comment.notice_count, comment.flag_count) == (3, 3)


def test_one_mailbox_is_not_filled_with_receipts(article: Article) -> None:
    for _ in range(RECEIPTS_HOURLY + 2):
        sent(make_comment(article))
    assert len(mails_to("ines@example.org")) == RECEIPTS_HOURLY


def test_ones_own_comment_and_one_that_is_gone_take_no_notice(article: Article, nora: User) -> None:
    comment = make_comment(article)
    with pytest.raises(NotAllowed):
        sent(comment, user=db.session.get_one(User, comment.author_id))
    reject(comment, actor=nora, reason=Reason.SPAM, seen=comment.version)
    with pytest.raises(Conflict):
        sent(comment)


def test_pages_of_notices_are_those_that_wait_and_those_that_were_decided(article: Article, nora: User, site: Site) -> None:
    comments = [make_comment(article) for _ in range(3)]
    notices = [sent(comment) for comment in comments]
    first, following = page_of_notices(site, limit=2)
    rest, end = page_of_notices(site, limit=2, after=following)
    assert ([n.id for n in (*first, *rest)], end) == ([n.id for n in notices], None)
    reject(comments[1], actor=nora, reason=Reason.SPAM, seen=comments[1].version)
    decided, _ = page_of_notices(site, decided=True)
    assert [(n.id, n.decided_by) for n in decided] == [(notices[1].id, nora)]
    with pytest.raises(CommentsvcError):
        page_of_notices(site, decided=True, after=following)


def test_the_person_has_it_in_her_data_and_it_is_forgotten_with_the_account_and_in_time(article: Article, nora: User) -> None:
    reader = make_user()
    decided, waits, old = (sent(make_comment(article), user=user) for user in (reader, reader, None))
    for notice in (decided, old):
        comment = db.session.get_one(Comment, notice.comment_id)
        approve(comment, actor=nora, seen=comment.version, answer="A song.")
    section, = (s for s in takeout(reader)["sections"] if s["name"] == "legal_notices.user_id")
    assert [row["explanation"] for row in section["rows"]] == [CLAIM.explanation] * 2
    ask_erasure(reader, remove_comments=False)
    db.session.execute(update(LegalNotice).where(LegalNotice.id == old.id).values(decided_at=utcnow() - dt.timedelta(days=364)))
    from commentsvc.privacy.models import Erasure

    db.session.execute(update(Erasure).values(due_at=utcnow()))
    while erase_due():
        db.session.commit()
    db.session.expire_all()
    assert [(n.user_id, n.name, n.email, n.explanation, n.answer) for n in (decided, waits)] == [
        (None, "", "", "", ""), (None, "", "", CLAIM.explanation, ""),
    ]
    assert forget_notices() is False
    db.session.expire_all()
    assert old.name == "Ines Secret"
    db.session.execute(update(LegalNotice).where(LegalNotice.id == old.id).values(decided_at=utcnow() - dt.timedelta(days=366)))
    forget_notices()
    db.session.expire_all()
    assert (old.name, old.email, old.explanation, old.answer, old.status) == ("", "", "", "", "dismissed")


def test_a_transparency_report_counts_them(article: Article, nora: User, site: Site) -> None:
    comments = [make_comment(article) for _ in range(3)]
    for comment in comments:
        sent(comment)
    reject(comments[0], actor=nora, reason=Reason.THREAT, seen=comments[0].version)
    db.session.commit()
    rows = set(report(site, utcnow() - dt.timedelta(days=1), utcnow() + dt.timedelta(days=1)))
    assert ("notices", "article 16, submitted", "STATEMENT_CATEGORY_VIOLENCE", 3) in rows
    assert ("notices", "article 16, outcome", "upheld", 1) in rows
    assert ("notices", "article 16, outcome", "open", 2) in rows
    assert ("notices", "article 16, median time to the decision, hours", "all", 0) in rows
    assert ("restrictions", "source_type", "SOURCE_ARTICLE_16", 1) in rows


def test_the_dashboard_counts_them_and_how_long_they_waited(article: Article, nora: User, site: Site) -> None:
    ages = [dt.timedelta(hours=hours) for hours in (1, 5, 9, 2, 3, 1000)]
    comments = [make_comment(article) for _ in ages]
    for comment, age in zip(comments, ages, strict=True):
        sent(comment).created_at = utcnow() - age
    for comment in comments[:2]:
        reject(comment, actor=nora, reason=Reason.THREAT, seen=comment.version)
    approve(comments[2], actor=nora, seen=comments[2].version, answer="It is a quotation from a play.")
    withdraw(comments[3], db.session.get_one(User, comments[3].author_id))
    db.session.commit()
    figures = figures_of(site, last_days(7, today_of(site)))
    assert [row[1:-1] for row in figures.notices.rows] == [[5, 1, 2, 1, 1]]
    assert figures.notices_decided == 3
    assert figures.notices_median == pytest.approx(5 * 3600, abs=60)
    assert "5 legal notices came; decided: 3." in "".join(section.caption for section in sections_of(figures))
    assert figures_of(make_site(key="other"), last_days(7, today_of(site))).notices.rows == []
