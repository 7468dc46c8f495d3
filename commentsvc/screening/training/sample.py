"""Texts on which an exported model is compared with the one it came from.

Decent, rude, threatening, hateful, sexual, disguised, foreign, long and odd, none longer than the
smallest window of a Detoxify model, so that both read all of it. Some are vile: that is what they
are for.
"""

from typing import Final

SAMPLE: Final[tuple[str, ...]] = (
    "Thank you, I had not thought of the bus lane that way.",
    "Good morning!",
    "ok",
    "",
    "?!",
    "42",
    "I agree with the author, mostly.",
    "Could somebody explain why the council voted against the library?",
    "My grandmother worked in that mill for forty years, and nobody ever asked her what she wanted.",
    "The article says 2019, but the report it links to is from 2021. Please correct this.",
    "As a nurse I can only say that the figures are worse than what you printed.",
    "I don't like this mayor, and I didn't vote for him, but this time he is right.",
    "What a wonderful story. It made my day!",
    "This is the third time this month that the 14 bus didn't come. Third time!",
    "Nonsense. The bridge was closed in May, not in June.",
    "I respectfully disagree with every word of this column.",
    "Kill the lights before you leave, and shoot me a mail.",
    "That goal was sick, he absolutely murdered the ball.",
    "I am a gay man and I have lived on this street since 1988.",
    "Muslim and Jewish neighbours cooked together at the street party.",
    "My sister is deaf and the theatre still has no loop.",
    "Black women are paid less for the same work, the study finds.",
    "The Germans beat the Dutch last night.",
    "He has schizophrenia, and he is the kindest teacher at our school.",
    "Shital and Nishit opened a bakery in Scunthorpe.",
    "The word 'bitch' was used on air, and the station apologised.",
    "Damn, that was a close match.",
    "Holy crap, the new station looks amazing!",
    "This f***ing weather again...",
    "It's a bloody disgrace that the clinic closes.",
    "You are an idiot.",
    "You are a complete idiot, a worthless piece of shit.",
    "What a moron. Did anyone expect anything else from this clown?",
    "Shut up, nobody asked you.",
    "Only a brain-dead sheep could write something like that.",
    "The author should be ashamed of this garbage.",
    "stupid stupid stupid",
    "YOU ARE ALL LIARS AND THIEVES!!!",
    "Go fuck yourself.",
    "fuck off",
    "This is fucking brilliant, thank you!",
    "Bullshit, and you know it.",
    "Suck my dick, you loser.",
    "She only got the job because she slept with the boss, the slut.",
    "I want to see her naked.",
    "I will find you and I will kill you.",
    "Somebody should burn down that house with him in it.",
    "We know where you live. Watch your back.",
    "I hope you get cancer and die.",
    "Hang them all, starting with the ministers.",
    "Gays are disgusting and should be kept away from children.",
    "Go back to your own country, we don't want you people here.",
    "All Muslims are terrorists.",
    "Women are too stupid to vote.",
    "The Jews control the newspapers, everybody knows that.",
    "I hate immigrants, they are vermin.",
    "You throw like a girl, retard.",
    "y0u are an 1d10t",
    "i d i o t",
    "st.u.p.i.d c-o-w",
    "Merci pour cet article, c'est très intéressant.",
    "Ihr seid doch alle Idioten.",
    "Eres una persona horrible y espero que te mueras.",
    "Что за бред, автор идиот.",
    "Bu haber için teşekkürler.",
    "この記事はとても良かったです。",
    "شكرا على المقال",
    "😀 😀 😀",
    "🖕 you 🤡",
    "https://example.com/news/2024/05/17/bridge?ref=home#comments",
    "<b>bold</b> &amp; \"quoted\" 'text' {json: true} [1] 50% off, $9.99",
    "Yes, no, maybe; I don't know. Can you repeat the question?",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    (
        "First they raised the parking fees, then they closed the pool, and now they wonder why the "
        "shops on the square stand empty. I have written to every councillor twice and had one "
        "answer, from a machine. If this is what consultation means then I would rather they told us "
        "honestly that the decision was made two years ago over lunch."
    ),
    (
        "I used to read this paper every day, and I defended it when others laughed. But this piece of "
        "trash is written by somebody so ignorant that he couldn't find his own arse with both hands, "
        "and the editor who let it through is just as dumb. Cancel my subscription, you cowards."
    ),
)
