"""A database with something in every table, for what has to keep all of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select, update

from commentsvc.accounts.addresses import ask_for_address
from commentsvc.accounts.api_keys import issue_key
from commentsvc.accounts.audit import record, seal
from commentsvc.accounts.invitations import invite
from commentsvc.accounts.models import (
    ExternalAuthor,
    ExternalIdentity,
    ExternalSignIn,
    HandOver,
    Passkey,
    Profile,
    RecoveryCode,
    SiteBadge,
    SsoToken,
    Totp,
    User,
)
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.registration import start_registration
from commentsvc.accounts.resets import request_reset
from commentsvc.accounts.sessions import start_session
from commentsvc.accounts.signing import adopt_signing_key
from commentsvc.accounts.sso import add_key, set_sso
from commentsvc.accounts.steps import begin_step
from commentsvc.accounts.wishes import How, Kind, Wish
from commentsvc.comments.hiding import hide
from commentsvc.comments.models import Comment, GuestComment, Mention, Revision, Status
from commentsvc.comments.votes import vote
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.figures.keeping import keep_figures
from commentsvc.figures.models import MorningMailDay
from commentsvc.figures.morning import want_mail
from commentsvc.i18n import in_language
from commentsvc.moderation.alarms import Worker
from commentsvc.moderation.appeals import Outcome, judge, lodge
from commentsvc.moderation.decide import (
    approve,
    judge_edit,
    latest_decision,
    mark,
    reject,
    undo,
)
from commentsvc.moderation.desk import add_note, ask, claim, skip
from commentsvc.moderation.featuring import Mark
from commentsvc.moderation.filters import Filters, Order
from commentsvc.moderation.flags import flag
from commentsvc.moderation.legal_notices import Claim, send_notice
from commentsvc.moderation.models import Reason
from commentsvc.moderation.people_models import (
    Merge,
    PersonNote,
    SanctionKind,
    Sweep,
    SweepState,
    SweepStep,
)
from commentsvc.moderation.sanctions import end, impose
from commentsvc.moderation.saved import add_article, make_group, save_filter
from commentsvc.moderation.settings import change_settings, lock_site
from commentsvc.moderation.statements import live_statement
from commentsvc.notifications.follows import follow
from commentsvc.notifications.mailing import send_due
from commentsvc.notifications.models import Notification
from commentsvc.notifications.preferences import change_wishes
from commentsvc.notifications.telling import tell_all
from commentsvc.perspective.models import ScoreSuggestion
from commentsvc.privacy.consents import Purpose, record_consent
from commentsvc.privacy.erasure import ask_erasure
from commentsvc.privacy.training import export_training
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Site
from tests.factories import hold_as_toxic, make_article, make_comment, make_site, make_user
from tests.kept import filled

AWKWARD = "Zo\u00eb said:\n\"50 % \\ off\"\t\u2014 \U0001f98a \u202b\u05e9\u05dc\u05d5\u05dd\u202c, N\\A \\N 'x'; --"


def fill_everything() -> None:
    """Every table gets rows, made by the verbs of the service where there are any."""
    filled(f"everything, as {AWKWARD}", _fill)  # which a test replaces


def _fill() -> None:
    site = make_site(policy=Policy(), guidelines=AWKWARD)
    moderator = make_user("Nora", role=Role.COMMUNITY_MANAGER, site=site, blur_words=True, language="de")
    make_user("A guest", guest_since=utcnow())
    readers = [make_user() for _ in range(4)]
    fill_people(site, moderator, readers)
    make_article(site, closed_at=utcnow())
    change_settings(
        lock_site(site.id), {"policy": Policy(banned_phrases=(AWKWARD[:60],)), "messages": [{"reason": "", "language": "en", "text": AWKWARD}]},
        actor=moderator, via="console", comment=AWKWARD,
    )
    db.session.commit()
    for article in (make_article(site, section="City"), make_article(site)):
        comments: list[Comment] = []
        for number in range(12):
            parent = comments[number // 2] if number % 3 and comments[number // 2].depth < 4 else None
            comments.append(make_comment(article, readers[number % 4], f"{number} {AWKWARD}", parent=parent))
        for number, comment in enumerate(comments):
            for reader in readers:
                if reader.id != comment.author_id:
                    vote(comment, reader, (1, -1, 1)[number % 3])
        flag(comments[0], readers[1], "spam", AWKWARD)
        db.session.add(Mention(site_id=site.id, comment_id=comments[0].id, user_id=readers[1].id))
        held = hold_as_toxic(make_comment(article, body=f"You fool. {AWKWARD}", status=Status.PENDING), (0, 9))
        approve(held, actor=moderator, seen=held.version, note=AWKWARD)
        db.session.commit()
        decision = latest_decision(held.id)
        assert decision is not None
        undo(decision, actor=moderator)
        approve(held, actor=moderator, seen=held.version, batch="0123456789abcdef")
        mark(comments[0], Mark.FEATURED, on=True, actor=moderator, seen=comments[0].version)
        mark(comments[0], Mark.PINNED, on=True, actor=moderator, seen=comments[0].version)
        add_note(held, moderator, AWKWARD)
        ask(held, moderator, AWKWARD)
        skip(held, moderator)
        claim(site.id, moderator, held.id)
        rejected = make_comment(article, status=Status.HELD)
        reject(rejected, actor=moderator, reason=Reason.ABUSE, seen=rejected.version, message=AWKWARD)
        edit_of(make_comment(article))
        make_comment(article, status=Status.PENDING)
        rejected = make_comment(article, status=Status.REJECTED)
        statement = live_statement(rejected.id)
        assert statement is not None
        judge(lodge(statement, db.session.get_one(User, rejected.author_id), AWKWARD), Outcome.UPHELD, actor=moderator, answer=AWKWARD)
        make_comment(article, status=Status.WITHDRAWN)
        turned = edit_of(make_comment(article))
        judge_edit(turned, 2, actor=moderator, seen=turned.version, reason=Reason.ABUSE, message=AWKWARD)
        claim_of = Claim("threat", AWKWARD * 20, AWKWARD.splitlines()[0], "notifier@example.org", good_faith=True)
        noticed, kept = make_comment(article), make_comment(article)
        send_notice(noticed, claim_of, user=readers[2], language="de")
        send_notice(kept, claim_of, user=None, language="en")
        approve(kept, actor=moderator, seen=kept.version, answer=AWKWARD)
    save_filter(site, AWKWARD, "held", Filters(section=AWKWARD[:40], author=readers[0].id), Order.OLDEST, actor=moderator)
    group = make_group(site, "Election night", actor=moderator)
    add_article(group, article)
    db.session.add(ExternalAuthor(site_id=site.id, key="sfu:42", user_id=readers[0].id))
    start_registration("new@example.org", "New Reader", "a rather long pass phrase 7")
    request_reset("nobody@example.org")
    start_session(readers[0], device="A browser")
    key, _ = issue_key(moderator, "a program", ["analyze"], site)
    key.quota = "5 per minute"
    spans: list[dict[str, object]] = [{"begin": 0, "end": 3, "score": 0.1 + 0.2}]
    for number, found in enumerate((spans, None)):
        db.session.add(ScoreSuggestion(
            key_id=key.id, fingerprint=bytes([number, 0, 255]) * 4, text=AWKWARD, attribute="TOXICITY", score=1 / 3, spans=found,
            languages="en", community_id=None, client_token="t", training_consent=(None, True)[number],
        ))
    db.session.add(Worker(id="host:1:2", started_at=utcnow(), seen_at=utcnow(), model_name="m", failures=0))
    db.session.add(Worker(id="Host:\u00e9", started_at=utcnow(), seen_at=utcnow(), error=AWKWARD, failures=3))
    record(moderator, "settings.changed", site_id=site.id, subject=f"site:{site.id}", welcome=[AWKWARD, ""])
    seal()
    record(None, "backup.written", rows=7)  # not sealed yet
    adopt_signing_key(Settings(SECRET_KEY="the key of all these nodes"))
    fill_factors(moderator)
    fill_identities(site, readers[0])
    invite(site, "guest@example.org", Role.EXPERT, by=moderator)
    ask_for_address(readers[0], "another@example.org")
    for reader, tag in zip(readers[:2], ("en", "de"), strict=True):
        with in_language(tag):
            record_consent(reader, Purpose.TRAIN_MODERATION, granted=True)
    ask_erasure(readers[3], remove_comments=True)
    fill_mails()
    want_mail(site, moderator, wanted=True)
    fill_notifications(readers[2])
    db.session.add(MorningMailDay(site_id=site.id, user_id=moderator.id, day="2026-03-01"))
    db.session.commit()
    with TemporaryDirectory() as folder:
        export_training(Path(folder))


def edit_of(comment: Comment) -> Comment:
    """The comment with an edit that waits for a person."""
    comment.edit, comment.edit_status = 2, "held"
    db.session.add(Revision(site_id=comment.site_id, comment_id=comment.id, number=2, body=AWKWARD, state="waiting"))
    db.session.flush()
    return comment


def fill_notifications(reader: User) -> None:
    """Somebody who follows and was told, by mail too; a wish of hers; and what nobody was told of yet."""
    article = make_article()
    follow(reader, article)
    hide(reader, db.session.scalars(select(Comment.author_id).where(Comment.status == Status.PUBLISHED, Comment.author_id != reader.id).order_by(Comment.id)).all()[-1])
    change_wishes(reader, {Kind.FOLLOWED: Wish(widget=True, mail=How.AT_ONCE)}, follow_on_post=False)
    make_comment(article)
    db.session.commit()
    tell_all()
    db.session.execute(update(Notification).where(Notification.user_id == reader.id).values(mail_at=utcnow()))
    send_due()
    make_comment(article)


def fill_factors(user: User) -> None:
    """An authenticator app, a passkey, recovery codes, and a sign-in that waits for one of them."""
    db.session.add_all((
        Totp(user_id=user.id, sealed="gAAAA" + "x" * 100, confirmed_at=utcnow(), last_step=60_000_000),
        Passkey(user_id=user.id, credential_id=bytes(range(32)), public_key=bytes([165, 1, 2, 0, 255]), sign_count=2**32 - 1, name=AWKWARD[:90]),
        RecoveryCode(user_id=user.id, code_hash=bytes(32)),
    ))
    begin_step("factor", user)
    db.session.flush()


def fill_identities(site: Site, reader: User) -> None:
    """Single sign-on with a key and a token that was used; a provider's identity, and sign-ins on their way."""
    set_sso(site, "https://news.example", roles=["expert"], jwks_url="https://news.example/keys", by=reader)
    add_key(site, "2026-11", "HS256", "a secret of at least 32 characters", by=reader)
    now = utcnow()
    db.session.add_all((
        SsoToken(site_id=site.id, jti_hash=bytes(32), expires_at=now),
        ExternalIdentity(issuer="https://id.example", subject=AWKWARD, user_id=reader.id, email="reader@example.org"),
        ExternalIdentity(issuer=f"sso:{site.id}", subject="7", site_id=site.id, user_id=reader.id),
        ExternalSignIn(state_hash=bytes(32), provider="example", nonce="n", verifier="v", next="/account/", user_id=reader.id, expires_at=now),
        GuestComment(
            site_id=site.id, article_id=make_article(site).id, token_hash=bytes(32), email="guest@example.org", display_name="Gil", body=AWKWARD,
            expires_at=now,
        ),
        HandOver(code_hash=bytes(32), challenge=bytes(32), user_id=reader.id, expires_at=now),
    ))
    db.session.flush()


def fill_people(site: Site, moderator: User, readers: list[User]) -> None:
    """A sanction that holds, one that was ended; a note; a sweep with what it rejected; a merge."""
    impose(
        readers[0], SanctionKind.SUSPEND, actor=moderator, site=site, reason=Reason.ABUSE, message=AWKWARD, note=AWKWARD,
        ends_at=utcnow() + dt.timedelta(days=3),
    )
    warning = impose(readers[1], SanctionKind.WARN, actor=moderator, site=site, reason=Reason.SPAM, message=AWKWARD)
    end(warning, actor=moderator, note=AWKWARD)
    db.session.add(PersonNote(site_id=site.id, user_id=readers[0].id, author_id=moderator.id, body=AWKWARD))
    db.session.add(SiteBadge(site_id=site.id, user_id=readers[0].id, expert=AWKWARD[:60], member=True, expert_via="sso", member_via=None))
    db.session.add(Profile(
        user_id=readers[0].id, bio=AWKWARD, offered=AWKWARD, state="rejected", number=2, reason="spam", reason_words=AWKWARD[:60], findings=[{"phase": "links", "message": AWKWARD}], offered_at=utcnow(),
        claimed_until=utcnow(), attempts=1, history_private=True,
    ))
    spammer, twin = make_user("Spammer"), make_user("Spammer 2", email=None)
    comment = make_comment(make_article(site), spammer)
    comment.author_level, comment.hold_for = "new", "always_review"
    decision = reject(comment, actor=moderator, reason=Reason.SPAM, seen=comment.version)
    sweep = Sweep(
        site_id=site.id, user_id=spammer.id, actor_id=moderator.id, reason=Reason.SPAM.value, note=AWKWARD, state=SweepState.DONE.value,
        position=comment.id, last_comment_id=comment.id, total=1, seen=1, rejected=1, finished_at=utcnow(),
    )
    db.session.add(sweep)
    db.session.flush()
    db.session.add(SweepStep(site_id=sweep.site_id, sweep_id=sweep.id, comment_id=comment.id, decision_id=decision.id))
    db.session.add(Merge(kept_id=spammer.id, merged_id=twin.id, actor_id=moderator.id, comments=1))
    db.session.commit()
    keep_figures()


def fill_mails() -> None:
    """One that was sent, one that waits, one that was tried in vain and is due in an hour."""
    now = utcnow()
    for subject, tried, due, sent in (
        ("was sent", 1, now, now - dt.timedelta(minutes=5)),
        ("waits", 0, now, None),
        ("was tried", 2, now + dt.timedelta(hours=1), None),
    ):
        db.session.add(Mail(
            recipient="reader@example.org", kind="reset", subject=subject, text=AWKWARD, created_at=now, attempts=tried, next_attempt_at=due, sent_at=sent,
        ))
    db.session.commit()


def row_counts() -> dict[str, int]:
    counts = {table.name: db.session.scalar(select(func.count()).select_from(table)) or 0 for table in db.metadata.sorted_tables}
    db.session.rollback()
    return counts
