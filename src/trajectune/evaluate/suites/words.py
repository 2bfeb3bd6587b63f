"""Common knowledge for the choice questions: pairs and lists of words that a small model has met often."""

from __future__ import annotations

OPPOSITES = """
hot cold, big small, up down, left right, day night, black white, open closed, happy sad, fast slow,
early late, rich poor, young old, hard soft, light dark, wet dry, strong weak, high low, long short,
full empty, good bad, new old, clean dirty, loud quiet, thick thin, win lose, love hate, buy sell,
begin end, true false, first last, inside outside, push pull, front back, near far, deep shallow,
wide narrow, safe dangerous, easy difficult, heavy light, sweet bitter, cheap expensive, alive dead,
asleep awake, remember forget, arrive leave, enter exit, give take, increase decrease, accept reject,
success failure, laugh cry, friend enemy, question answer, brave cowardly, smooth rough
"""

CAPITALS = """
France Paris, Germany Berlin, Italy Rome, Spain Madrid, Portugal Lisbon, Greece Athens, Austria Vienna,
Poland Warsaw, Hungary Budapest, Russia Moscow, Ukraine Kyiv, Norway Oslo, Sweden Stockholm,
Finland Helsinki, Denmark Copenhagen, Ireland Dublin, Belgium Brussels, Switzerland Bern,
Japan Tokyo, China Beijing, India Delhi, Thailand Bangkok, Vietnam Hanoi, Indonesia Jakarta,
Pakistan Islamabad, Iran Tehran, Iraq Baghdad, Turkey Ankara, Egypt Cairo, Kenya Nairobi, Nigeria Abuja,
Ethiopia Addis_Ababa, Morocco Rabat, Ghana Accra, Canada Ottawa, Mexico Mexico_City, Cuba Havana,
Brazil Brasilia, Argentina Buenos_Aires, Chile Santiago, Peru Lima, Colombia Bogota, Australia Canberra,
Afghanistan Kabul, Nepal Kathmandu, Bangladesh Dhaka, Lebanon Beirut, Syria Damascus, Israel Jerusalem,
Malaysia Kuala_Lumpur, Romania Bucharest, Bulgaria Sofia, Serbia Belgrade, Croatia Zagreb,
Iceland Reykjavik, Venezuela Caracas, Ecuador Quito, Uruguay Montevideo, Algeria Algiers, Tunisia Tunis
"""

CATEGORIES = """
fruit: apple banana orange grape pear peach mango cherry lemon strawberry
vegetable: carrot potato onion cabbage spinach broccoli lettuce cucumber celery garlic
animal: dog cat horse cow lion tiger elephant sheep rabbit monkey
bird: eagle sparrow owl penguin parrot crow pigeon hawk swan robin
fish: salmon tuna trout shark cod sardine carp herring eel mackerel
color: red blue green yellow purple pink brown gray white black
country: France Japan Brazil Canada Egypt India Mexico Spain Kenya Norway
tool: hammer screwdriver saw drill wrench pliers axe chisel shovel rake
vehicle: car truck bus train bicycle airplane boat motorcycle van tractor
musical instrument: piano guitar violin drum flute trumpet cello harp clarinet saxophone
body part: hand foot knee elbow nose ear finger shoulder ankle toe
piece of clothing: shirt hat coat dress sock glove scarf jacket skirt sweater
piece of furniture: chair table sofa bed desk shelf cabinet bench stool wardrobe
sport: football tennis basketball golf hockey swimming baseball boxing rugby volleyball
profession: doctor teacher lawyer nurse engineer farmer chef pilot carpenter plumber
drink: water milk tea coffee juice wine beer lemonade cocoa soda
"""

ORDERS = """
Monday Tuesday Wednesday Thursday Friday Saturday Sunday
January February March April May June July August September October November December
one two three four five six seven eight nine ten eleven twelve
first second third fourth fifth sixth seventh eighth ninth tenth
A B C D E F G H I J K L M N O P Q R S T U V W X Y Z
"""


def pairs(text: str) -> list[tuple[str, str]]:
    """The pairs of a table above; `_` stands for a space inside a word."""
    halves = [entry.split() for entry in text.replace("\n", " ").split(",")]
    return [(first.replace("_", " "), second.replace("_", " ")) for first, second in halves]


def groups(text: str) -> dict[str, list[str]]:
    """The named lists of a table above."""
    lines = [line.split(": ") for line in text.strip().splitlines()]
    return {name: words.split() for name, words in lines}
