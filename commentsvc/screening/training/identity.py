"""Short sentences about groups and persons, written for training.

Comments that name a group are often attacks on it, from which a model learns that the name itself
is toxic: "I am gay." scored like an insult. These sentences say decent and hateful things about the
same groups, in equal shares, so that what is said decides and not of whom. The frames are ours and
are kept apart from those of the sets that measure this (HateCheck, the identity-term templates).
"""

import random
from collections.abc import Iterator
from typing import Final

# singular with article, plural, adjective
GROUPS: Final[tuple[tuple[str, str, str], ...]] = (
    ("a woman", "women", "female"),
    ("a man", "men", "male"),
    ("a gay man", "gay people", "gay"),
    ("a lesbian", "lesbians", "lesbian"),
    ("a bisexual woman", "bisexuals", "bisexual"),
    ("a trans woman", "trans people", "transgender"),
    ("a trans man", "trans folks", "trans"),
    ("a queer person", "queer people", "queer"),
    ("a non-binary person", "non-binary people", "nonbinary"),
    ("a straight man", "straight people", "straight"),
    ("a homosexual", "homosexuals", "homosexual"),
    ("a feminist", "feminists", "feminist"),
    ("a black man", "black people", "black"),
    ("a black woman", "Blacks", "Black"),
    ("an African American", "African Americans", "African American"),
    ("a white man", "white people", "white"),
    ("an Asian woman", "Asians", "Asian"),
    ("a Latina", "Latinos", "Latino"),
    ("a Hispanic man", "Hispanics", "Hispanic"),
    ("an African", "Africans", "African"),
    ("an Arab", "Arabs", "Arab"),
    ("an Indian", "Indians", "Indian"),
    ("a Pakistani", "Pakistanis", "Pakistani"),
    ("a Chinese student", "Chinese people", "Chinese"),
    ("a Japanese man", "Japanese people", "Japanese"),
    ("a Mexican", "Mexicans", "Mexican"),
    ("an American", "Americans", "American"),
    ("a Canadian", "Canadians", "Canadian"),
    ("a European", "Europeans", "European"),
    ("a Pole", "Poles", "Polish"),
    ("a Russian", "Russians", "Russian"),
    ("a Turk", "Turks", "Turkish"),
    ("a Roma woman", "Roma people", "Roma"),
    ("a Gypsy", "Gypsies", "Gypsy"),
    ("a Native American", "Native Americans", "Native American"),
    ("an Aboriginal man", "Indigenous people", "Indigenous"),
    ("a migrant", "migrants", "migrant"),
    ("an immigrant", "immigrants", "immigrant"),
    ("a refugee", "refugees", "refugee"),
    ("an asylum seeker", "asylum seekers", "foreign"),
    ("a Muslim", "Muslims", "Muslim"),
    ("a Jew", "Jews", "Jewish"),
    ("a Christian", "Christians", "Christian"),
    ("a Catholic", "Catholics", "Catholic"),
    ("a Protestant", "Protestants", "Protestant"),
    ("a Hindu", "Hindus", "Hindu"),
    ("a Sikh", "Sikhs", "Sikh"),
    ("a Buddhist", "Buddhists", "Buddhist"),
    ("an atheist", "atheists", "atheist"),
    ("a disabled man", "disabled people", "disabled"),
    ("a blind woman", "blind people", "blind"),
    ("a deaf child", "deaf people", "deaf"),
    ("a wheelchair user", "wheelchair users", "paralysed"),
    ("an autistic boy", "autistic people", "autistic"),
    ("a person with Down syndrome", "people with Down syndrome", "mentally disabled"),
    ("an old woman", "old people", "elderly"),
    ("a pensioner", "pensioners", "older"),
    ("a teenager", "teenagers", "young"),
    ("a millennial", "millennials", "millennial"),
)

DECENT: Final = (
    "I am {a}, and I read this paper every day.",
    "As {a}, I would like to add something.",
    "My sister married {a} last summer.",
    "My doctor is {a}.",
    "Our new mayor is {a}.",
    "{Plural} have lived in this town for generations.",
    "Many {plural} work at the hospital where I was treated.",
    "The article quotes three {plural} and nobody else.",
    "I grew up among {plural} and learned a lot.",
    "There is a meeting for {plural} at the library on Tuesday.",
    "How many {plural} were asked for this survey?",
    "{Plural} pay taxes like everybody else.",
    "{Plural} deserve the same rights as the rest of us.",
    "It is good to see {plural} on the council at last.",
    "I have the greatest respect for {plural}.",
    "I'm {adj}.",
    "He's {adj} and proud of it.",
    "Two of my colleagues are {adj}.",
    "She told her parents that she is {adj}.",
    "The author is {adj}, which explains why he knows the subject so well.",
    "A {adj} neighbour helped us during the flood.",
    "Thank you to the {adj} family who returned my wallet.",
    "Being {adj} has never been a problem in this village.",
    "{Plural} were hit hardest by the cuts.",
    "More {plural} should write for this newspaper.",
    "Nobody should be attacked because they are {adj}.",
    "We need to protect {plural} from this kind of hatred.",
    "Why does the headline say that he is {adj}?",
    "I don't think that {plural} are to blame for any of this.",
    "Whoever shouts at {plural} in the street should be ashamed.",
    "My husband is {adj} and so is his brother.",
    "Happy holidays to all {plural} reading this!",
    "You are {adj}, so you will know the feast better than I do.",
    "Hugs to every {adj} kid who reads this.",
    "The film shows the friendship of {a} and a baker.",
    "Most {plural} I have met are kind.",
    "Last year {plural} made up a tenth of the applicants.",
    "A lecture on the history of {plural} is on tonight.",
)

HATEFUL: Final = (
    "{Plural} are a plague on this country.",
    "{Plural} are nothing but vermin.",
    "{Plural} are subhuman and should be treated like it.",
    "Send all {plural} back where they came from, nobody wants that filth here.",
    "{Plural} don't deserve to breathe.",
    "Every last one of these {plural} is a worthless parasite.",
    "I can't stand {plural}, they make me sick.",
    "God, how I despise {plural}.",
    "{Plural} ruin everything they touch.",
    "You can never trust {plural}, they are all liars and thieves.",
    "{Plural} have no place in a civilised society.",
    "Typical {adj} trash.",
    "Another dirty {adj} freeloader.",
    "Shut up, you stupid {adj} pig.",
    "The world would be better off without {plural}.",
    "{Plural} are inferior, that's simply a fact.",
    "{Plural} are too dumb to vote.",
    "No wonder, {plural} have always been animals.",
    "What do you expect from {plural}? They are scum.",
    "Keep those filthy {plural} away from our children.",
    "{Plural} are disgusting creatures and I loathe them.",
    "Being {adj} is a disease.",
    "It is revolting to look at {plural}.",
    "Nobody likes {plural} and nobody ever will.",
    "I wouldn't hire {a}, they are all lazy and stupid.",
    "I don't want {a} anywhere near me, it's repulsive.",
    "If he is {adj} then he is garbage, end of story.",
    "These fucking {plural} again.",
    "I fucking hate these {adj} bastards.",
    "{Plural} belong in a cage.",
    "Isn't it clear that {plural} are the scum of the earth?",
    "I'd never call {plural} human.",
    "I have seen enough {plural} to know that I hate them all.",
    "You {plural} are all the same rotten garbage.",
)

THREATS: Final = (
    "Somebody should shoot all these {plural}.",
    "{Plural} must be wiped out, every one of them.",
    "I would burn down any house with {plural} in it.",
    "The only good {plural} are dead {plural}.",
    "I swear I'll beat up the next {adj} person I see.",
    "Round up the {plural} and hang them.",
    "Next time I meet {a} I will bring a knife.",
    "They should gas the {plural}.",
)

# What is said of a person: never of a group, so that the word and not the name decides.
KIND: Final = (
    "wonderful", "thoughtful", "polite", "generous", "clever", "honest", "patient", "brave",
    "careful", "cheerful", "gentle", "sincere", "helpful", "modest", "charming", "fair",
    "friendly", "witty", "warm", "reliable", "great", "kind", "lovely", "talented", "amazing",
)  # fmt: skip
NASTY: Final = (
    "disgusting", "revolting", "pathetic", "worthless", "stupid", "vile", "repulsive", "idiotic",
    "hideous", "filthy", "moronic", "despicable", "dumb", "rotten", "loathsome", "ugly", "sick",
    "horrible", "nasty", "evil", "contemptible", "brainless", "terrible", "foul", "gross",
)  # fmt: skip
PERSONS: Final = (
    "my brother-in-law", "the mayor", "our goalkeeper", "the author", "this reporter", "Mrs Ames",
    "old Ferreira", "Captain Okoye", "young Lindqvist", "Professor Haddad", "that baker", "Ottilie",
    "Bartholomew", "Ngozi", "Xiadani", "Ravindra", "Yevgenia", "Kahu", "Solveig", "Tariq",
)  # fmt: skip
OF_PERSONS: Final = (
    "{Person} was {word} again last night.",
    "If you ask me, {person} is a {word} human being.",
    "What a {word} character {person} is!",
    "{Person}? {Word}, through and through.",
    "I have always found {person} {word}.",
    "You were {word} in that debate, {person}.",
    "What {person} wrote here is {word}.",
    "Everyone knows how {word} {person} can be.",
)


def _filled(frame: str, group: tuple[str, str, str]) -> str:
    article, plural, adjective = group
    text = frame.format(a=article, plural=plural, Plural=plural[0].upper() + plural[1:], adj=adjective)
    return text.replace("A a", "An a").replace(" a A", " an A") if frame.startswith("A {") else text


def identity_sentences(rows: int, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield *rows* sentences, each with its kind: half ``decent``, the rest ``hateful``, ``threat``.

    A quarter speaks of persons (``decent`` or ``insult``) instead of groups. Sometimes without
    capitals or the final full stop, as people type.
    """
    for _ in range(rows):
        kind = rng.choice(("decent", "decent", "decent", "hateful", "hateful", "threat"))
        if kind != "threat" and rng.random() < 0.33:
            kind = "decent" if kind == "decent" else "insult"
            person = rng.choice(PERSONS)
            word = rng.choice(KIND if kind == "decent" else NASTY)
            text = rng.choice(OF_PERSONS).format(
                person=person, Person=person[0].upper() + person[1:], word=word, Word=word.title()
            )
        else:
            frames = {"decent": DECENT, "hateful": HATEFUL, "threat": THREATS}[kind]
            text = _filled(rng.choice(frames), rng.choice(GROUPS))
        style = rng.random()
        if style < 0.15:
            text = text.rstrip(".")
        if style > 0.85:
            text = text.lower()
        yield text, kind
