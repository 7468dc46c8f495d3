"""Short sentences about groups and persons, written for training.

Comments that name a group are often attacks on it, from which a model learns that the name itself
is toxic: "I am gay." scored like an insult. These sentences say decent and hateful things about the
same groups, in equal shares, so that what is said decides and not of whom. The frames are ours and
are kept apart from those of the sets that measure this (HateCheck, the identity-term templates).
"""

import random
import re
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
    "Aarav Kulkarni", "Ishita", "Rohit Deshmukh", "Pooja", "Vikram", "Sunil", "Dipti", "Harshad",
    "Jagdish", "Kishore", "Manjit", "Nilesh", "Omkar", "Prakash", "Rekha", "Sushma", "Ujjwal",
    "Farhana", "Shakil", "Zubair", "Imran Qureshi", "Nazia", "Hina", "Asif", "Kulsoom", "Yusuf",
    "Fatoumata", "Amadou", "Chidi", "Folake", "Kwabena", "Thandiwe", "Sipho", "Wanjiru", "Otieno",
    "Tendai", "Makena", "Abebe", "Selamawit", "Hodan", "Abdirahman", "Lamine", "Mamadou", "Zanele",
    "Khalid", "Noura", "Hussein", "Layla", "Samir", "Dalia", "Ahmad", "Rania", "Youssef", "Ghassan",
    "Cemal", "Aylin", "Mehmet", "Shirin", "Behrouz", "Parisa", "Davit", "Nino", "Aigul", "Timur",
    "Xiaoling", "Wei Zhang", "Jiahao", "Mei-Ling", "Haruka", "Kenji", "Takumi", "Soo-jin", "Min-ho",
    "Nguyen Van Dung", "Thuy", "Linh", "Somchai", "Ploy", "Budi", "Siti", "Wayan", "Ferdinand Cruz",
    "Dolores", "Guadalupe", "Xochitl", "Joaquim", "Thiago", "Beatriz", "Ximena", "Evo", "Nayeli",
    "Wojciech", "Agnieszka", "Zdenka", "Dragan", "Svetlana", "Bohdan", "Oksana", "Mihai", "Kardos",
    "Jürgen", "Gudrun", "Björk", "Siobhan", "Niamh", "Pádraig", "Angus", "Gwyneth", "Aino", "Jukka",
    "Tane", "Moana", "Sione", "Lupe", "Warrick", "Jarrah", "Keala", "Nanook", "Aiyana", "Dakota",
    "Willy", "Fanny", "Rod", "Peter Cocks", "Regina", "Jesus Ortega", "Osama", "Adolf", "Kim", "Gay Lewis",
)  # fmt: skip
# Of the world, some of which look rude in English or stand near rude words in what models read.
PLACES: Final = (
    "Lagos", "Kaduna", "Timbuktu", "Djibouti", "Ouagadougou", "Mombasa", "Lusaka", "Bulawayo", "Sousse",
    "Cairo", "Aleppo", "Mosul", "Gaza", "Isfahan", "Kandahar", "Lahore", "Karachi", "Lucknow",
    "Chennai", "Dhaka", "Kathmandu", "Colombo", "Yangon", "Phuket", "Hanoi", "Manila", "Cebu",
    "Jakarta", "Wuhan", "Harbin", "Osaka", "Busan", "Pyongyang", "Ulaanbaatar", "Tashkent", "Baku",
    "Tbilisi", "Ankara", "Kyiv", "Minsk", "Gdansk", "Brno", "Cluj", "Skopje", "Pristina", "Split",
    "Graz", "Essen", "Bitche", "Brest", "Pau", "Ghent", "Assen", "Aarhus", "Bergen", "Turku", "Vaasa",
    "Cork", "Middlesex", "Sussex", "Clitheroe", "Horncastle", "Twatt", "Pratt's Bottom", "Hull",
    "Bilbao", "Porto", "Bari", "Bastia", "Havana", "Kingston", "Port-au-Prince", "Tegucigalpa",
    "Oaxaca", "Cusco", "Asunción", "Manaus", "Recife", "Ushuaia", "Detroit", "Compton", "Beaver",
    "Climax", "Hooker County", "Moose Jaw", "Regina, Saskatchewan", "Nunavut", "Suva", "Nuku'alofa", "Apia",
    "Rotorua", "Wagga Wagga", "Coober Pedy", "Hobart", "Mount Isa",
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


OF_NAMES: Final = (
    "{Person} has written the best piece of the week.",
    "I went to school with {person}.",
    "{Person} moved to {place} two years ago.",
    "Has anybody heard from {person} since the flood?",
    "My neighbour {person} runs a small shop in {place}.",
    "{Person} is right about the bus timetable.",
    "Thank you, {person}, that explains it.",
    "@{person} do you have a link to the report?",
    "{Person} and {other} will speak at the library on Monday.",
    "The photo shows {person} with {other} in {place}.",
    "As {person} said above, the figures are from last year.",
    "{Person} was born in {place} and grew up with us.",
    "We spent our holidays in {place} and liked it.",
    "The train from {place} was late again.",
    "How many people live in {place} today?",
    "My parents come from {place}.",
    "Is this the {place} in the north or the one by the sea?",
    "The match in {place} was moved to Sunday.",
    "It rained all week in {place}.",
    "{Person}, {other} and I will be there.",
    "I agree with {person}.",
    "{Person}",
    "Best wishes to {person} from all of us in {place}!",
    "The letter is signed by {person}, {other} and forty teachers.",
)

# Names of groups that are given and taken in swapped_groups, each in the forms of one row above.
# "Black", "straight" or "old" are left out: they mostly speak of other things.
_SWAPPED: Final = {
    "adjective": (
        "gay", "lesbian", "homosexual", "heterosexual", "bisexual", "queer", "transgender", "jewish",
        "muslim", "christian", "catholic", "protestant", "hindu", "sikh", "buddhist", "atheist",
        "arab", "mexican", "chinese", "japanese", "african", "asian", "latino", "hispanic", "turkish",
        "polish", "russian", "canadian", "american", "european", "deaf", "blind", "disabled",
        "feminist", "nonbinary", "elderly", "teenage", "female", "male",
    ),
    "plural": (
        "gays", "lesbians", "homosexuals", "heterosexuals", "bisexuals", "jews", "muslims",
        "christians", "catholics", "protestants", "hindus", "sikhs", "buddhists", "atheists",
        "arabs", "mexicans", "africans", "asians", "latinos", "hispanics", "turks", "poles",
        "russians", "canadians", "americans", "europeans", "feminists", "immigrants", "refugees",
    ),
    "singular": ("jew", "homo", "immigrant", "refugee", "turk", "pole", "feminist"),
}  # fmt: skip
_KIND_OF: Final = {word: kind for kind, words in _SWAPPED.items() for word in words}
# The attacks are mostly on these; of the others most mentions are of countries and languages.
_TAKEN: Final = frozenset(
    {"gay", "lesbian", "homosexual", "heterosexual", "bisexual", "queer", "transgender", "jewish", "muslim"}
    | {"christian", "catholic", "protestant", "hindu", "sikh", "buddhist", "atheist", "arab", "feminist"}
    | {*_SWAPPED["plural"], "jew", "homo"}
)
_GROUP_NAMES: Final = re.compile(rf"\b(?:{'|'.join(sorted(_TAKEN))})\b", re.IGNORECASE)


def swapped_groups(text: str, rng: random.Random) -> str | None:
    """Return *text* about other groups, each name replaced by one other throughout; None if it has none.

    With both, what is said decides and not of whom (counterfactual data augmentation, Garg et al.
    2019).
    """
    others: dict[str, str] = {}

    def other(found: re.Match[str]) -> str:
        written = found[0]
        name = written.lower()
        if name not in others:
            others[name] = rng.choice([word for word in _SWAPPED[_KIND_OF[name]] if word != name])
        word = others[name]
        return word.upper() if written.isupper() else word.title() if written[0].isupper() else word

    swapped, count = _GROUP_NAMES.subn(other, text)
    return swapped if count else None


NAMES_SHARE: Final = 0.125


def _filled(frame: str, group: tuple[str, str, str]) -> str:
    article, plural, adjective = group
    text = frame.format(a=article, plural=plural, Plural=plural[0].upper() + plural[1:], adj=adjective)
    return text.replace("A a", "An a").replace(" a A", " an A") if frame.startswith("A {") else text


def identity_sentences(rows: int, rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield *rows* sentences, each with its kind: half ``decent``, the rest ``hateful``, ``threat``.

    A quarter speaks of persons (``decent`` or ``insult``) instead of groups, and one in eight is a
    decent one with names of people and places. Sometimes without capitals or the final full stop,
    as people type.
    """
    for _ in range(rows):
        if rng.random() < NAMES_SHARE:
            person = rng.choice(PERSONS)
            text = rng.choice(OF_NAMES).format(
                person=person,
                Person=person[0].upper() + person[1:],
                other=rng.choice(PERSONS),
                place=rng.choice(PLACES),
            )
            yield _as_typed(text, rng), "decent"
            continue
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
        yield _as_typed(text, rng), kind


def _as_typed(text: str, rng: random.Random) -> str:
    style = rng.random()
    if style < 0.15:
        return text.rstrip(".")
    return text.lower() if style > 0.85 else text
