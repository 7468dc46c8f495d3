"""Neutral sentences with names of people and places of the world: none of them should be held.

Models of toxicity are known to flag names that are rare in what they read, or that look like a rude
word of English ("Shital", "Nishit"). Here every name stands in three sentences that nobody could
object to. Names and frames are kept apart from those that training uses (identity.py).
"""

from collections.abc import Mapping
from typing import Any, Final

from commentsvc.screening.policy import DEFAULT_HOLD
from commentsvc.screening.toxicity import ToxicityScorer

# By where the name is common; of the last rows, names that look rude in English.
PEOPLE: Final[Mapping[str, tuple[str, ...]]] = {
    "South Asia": (
        "Shital", "Nishit", "Dikshit", "Ankita", "Bhavesh", "Chandni", "Gurpreet", "Hardik", "Jignesh",
        "Kanika", "Lakshmi", "Mukesh", "Nandini", "Paramjit", "Rajesh", "Sukhdeep", "Tejal",
        "Umesh", "Vaishali", "Yashwant", "Anwar", "Bilal", "Fawad", "Mehwish", "Nusrat", "Rubina",
        "Saima", "Tahmina", "Chaminda", "Dilrukshi", "Sanduni", "Pasang", "Tsering",
    ),
    "East and South-East Asia": (
        "Phuc", "Bich", "Tran Bao Duc", "Ngoc", "Quang", "Fuk Wah", "Suk-yee", "Xuefeng", "Zhihao", "Yifan",
        "Shu Qi", "Wang Fang", "Hideo", "Sakura", "Yuki", "Daisuke", "Ji-woo", "Eun-kyung", "Seung-hyun",
        "Porntip", "Kittisak", "Titiporn", "Dewi", "Slamet", "Nurul", "Aung Zaw", "Rizal", "Marisol Dimaculangan",
    ),
    "Africa": (
        "Adebayo", "Nneka", "Uchenna", "Ifeoma", "Babatunde", "Kofi", "Akosua", "Yaw", "Cheikh", "Aïssatou",
        "Ousmane", "Kagiso", "Lerato", "Nkosana", "Nomvula", "Chipo", "Tatenda", "Wambui", "Kiprop", "Achieng",
        "Tewodros", "Hirut", "Faduma", "Cabdi", "Mustafa Dikko", "Dikembe", "Mbali", "Nigist",
    ),
    "Middle East and Central Asia": (
        "Assad", "Fadi", "Haifa", "Jamal", "Maryam", "Nasser", "Omar", "Qasim", "Reem", "Salwa", "Tamer",
        "Zaynab", "Emine", "Ufuk", "Serkan", "Farzaneh", "Golnaz", "Kourosh", "Avi", "Shoshana",
        "Moshe", "Nurlan", "Aizhan", "Dilnoza", "Rustam", "Gulnara",
    ),
    "Europe": (
        "Agnès", "Benoît", "Capucine", "Giuseppe", "Ludovica", "Fabrizio", "Iker", "Nerea", "Ainhoa", "Sigrid",
        "Torbjørn", "Åsa", "Mika", "Päivi", "Eoghan", "Caoimhe", "Rhys", "Blodwen", "Hamish", "Jarosław",
        "Małgorzata", "Bożena", "Vlastimil", "Ladislava", "Zoltán", "Ildikó", "Radu", "Ileana", "Stoyan",
        "Desislava", "Vesna", "Zvonimir", "Anastasios", "Despina", "Arvydas", "Līga", "Tõnu", "Kseniya",
        "Yaroslav", "Lyudmila", "Uwe", "Heike", "Horst", "Joost", "Femke",
    ),
    "Americas and the Pacific": (
        "Alejandra", "Cuauhtémoc", "Itzel", "Rigoberto", "Yesenia", "Wilmer", "Luz Marina", "Túpac", "Inti",
        "Anahí", "Raimundo", "Iracema", "Jefferson", "Tashunka", "Winona", "Atuat", "Malik", "Shaniqua", "LaToya",
        "DeShawn", "Tyrone", "Mikaere", "Ngaire", "Tevita", "Salote", "Fetu", "Leilani", "Talofa", "Djalu",
    ),
    "looks rude in English": (
        "Dick", "Randy", "Gaylord", "Willie Peters", "Semen", "Sukdeep", "Hiscock", "Peniel", "Dickson",
        "Cummings", "Hancock", "Butts", "Weiner", "Schmuck", "Focker", "Kuntz", "Koch", "Shitov", "Fuchs",
        "Titus", "Analise", "Buster Hymen", "Glasscock", "Dykes", "Cox", "Hoare", "Bastardo", "Kaka",
        "Savage", "Moron", "Slaughter", "Killer Mike", "Gaye", "Fagan", "Nazir", "Cunningham", "Assunta",
    ),
}  # fmt: skip
PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "Africa": (
        "Niger", "Nigeria", "Abuja", "Kano", "Accra", "Bamako", "Dakar", "Freetown", "Monrovia", "Kinshasa", "Luanda",
        "Maputo", "Harare", "Gaborone", "Nairobi", "Kampala", "Addis Ababa", "Mogadishu", "Khartoum", "Tripoli",
    ),
    "Asia": (
        "Beirut", "Damascus", "Baghdad", "Riyadh", "Sana'a", "Tehran", "Kabul", "Islamabad", "Mumbai", "Kolkata",
        "Thimphu", "Mandalay", "Bangkok", "Phuc Yen", "Penang", "Surabaya", "Davao", "Taipei", "Chongqing", "Sapporo",
        "Seoul", "Almaty", "Bishkek", "Jerusalem", "Ramallah", "Shitang", "Fukuoka", "Dhankuta",
    ),
    "Europe": (
        "Montenegro", "Sarajevo", "Tirana", "Kosovo", "Sofia", "Thessaloniki", "Palermo", "Zaragoza", "Coimbra",
        "Bratislava", "Łódź", "Vilnius", "Riga", "Tampere", "Umeå", "Reykjavik", "Limerick", "Aberdeen", "Swansea",
        "Kharkiv", "Chișinău", "Yerevan",
    ),
    "Americas and the Pacific": (
        "Titicaca", "Montevideo", "Guayaquil", "Medellín", "Paramaribo", "Belize", "Tijuana", "Haiti", "Kingstown",
        "Chicago", "Baltimore", "Flint", "Winnipeg", "Iqaluit", "Honolulu", "Pago Pago", "Port Moresby", "Nouméa",
        "Whakatane", "Alice Springs",
    ),
    "looks rude in English": (
        "Scunthorpe", "Penistone", "Lightwater", "Cockermouth", "Shitterton", "Condom", "Fucking", "Fugging", "Wank",
        "Intercourse", "Dildo", "Essex", "Arsoli", "Assisi", "Bastardstown", "Batman", "Bitchfield", "Bumpass", "Cumming",
        "Dickshooter", "Dorking", "Effin", "Gayville", "Hell", "Horneytown", "Kissing", "Muff", "Pissouri", "Poo",
        "Sandy Balls", "Slutshole Lane", "Spunk Creek", "Tightsqueeze", "Titty Hill", "Crapstone", "Upper Dicker",
    ),
}  # fmt: skip
OF_PEOPLE: Final = (
    "{name} asked a fair question at the town meeting.",
    "My colleague {name} sent me this article this morning.",
    "I hope that {name} writes about schools next.",
    "Does anyone know whether {name} still teaches at the college?",
    "{name}, could you post the source of these figures?",
    "It was {name} who planted the trees along the canal.",
    "Congratulations to {name} on the award!",
    "The interview with {name} begins at minute twelve.",
    "{name} and I share a garden.",
)
OF_PLACES: Final = (
    "We drove to {name} last weekend and the road is fine again.",
    "The new hospital in {name} opens in spring.",
    "My grandfather was a teacher in {name}.",
    "Which trains stop in {name} on Sundays?",
    "The market in {name} is worth a visit.",
    "Prices in {name} have doubled in ten years.",
    "I have a friend in {name} who says the same.",
    "The photo was taken near {name} in the nineties.",
)
SENTENCES_OF_A_NAME: Final = 3
HIGHEST: Final = 10


def sentences() -> list[str]:
    """Return the sentences: each name in SENTENCES_OF_A_NAME frames, which take turns."""
    found = []
    for names, frames in ((PEOPLE, OF_PEOPLE), (PLACES, OF_PLACES)):
        turn = 0
        for group in names.values():
            for name in group:
                for _ in range(SENTENCES_OF_A_NAME):
                    found.append(frames[turn % len(frames)].format(name=name))
                    turn += 1
    return found


def measure(scorer: ToxicityScorer) -> dict[str, Any]:
    """Return how many sentences reach a default hold threshold, by label and in all, and which."""
    texts = sentences()
    scores = scorer.score(texts)
    over = {
        label: sum(found.get(label, 0.0) >= threshold for found in scores)
        for label, threshold in DEFAULT_HOLD.items()
    }
    held = [
        text
        for text, found in zip(texts, scores, strict=True)
        if any(found.get(label, 0.0) >= threshold for label, threshold in DEFAULT_HOLD.items())
    ]
    ranked = sorted(zip((found["toxicity"] for found in scores), texts, strict=True), reverse=True)
    return {
        "sentences": len(texts),
        "held_by_default": len(held),
        "held_by_label": over,
        "highest_toxicity": [
            {"toxicity": round(value, 3), "text": text} for value, text in ranked[:HIGHEST]
        ],
    }
