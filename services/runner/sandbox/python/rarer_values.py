"""The values of `fk` that are asked for seldom: collections, standard numbers of books and banks, more dates and colours."""
import json as _json
import string
from datetime import date, datetime, timedelta
from decimal import Decimal

_CURRENCIES = (('CNY', '人民币'), ('USD', '美元'), ('EUR', '欧元'), ('GBP', '英镑'), ('JPY', '日元'), ('HKD', '港元'))
_COLORS = ('black', 'maroon', 'green', 'navy', 'olive', 'purple', 'teal', 'lime', 'blue', 'silver', 'gray', 'yellow', 'white')
_CARDS = ('UnionPay', 'VISA 16 digit', 'Mastercard', 'JCB 16 digit', 'American Express')


class RarerValues:
    """Part of Faker, whose `random` and everyday methods it uses."""

    # Python's own

    def pydecimal(self, left_digits=None, right_digits=None, positive=False, min_value=None, max_value=None):
        return Decimal(str(self.pyfloat(left_digits, right_digits, positive, min_value, max_value)))

    def pylist(self, nb_elements=10, variable_nb_elements=True, *_, **__):
        count = self.randomize_nb_elements(nb_elements, min=1) if variable_nb_elements else nb_elements
        return [self.random.choice((self.pystr, self.pyint, self.pyfloat, self.date_time, self.uri))() for _ in range(count)]

    def pytuple(self, nb_elements=10, variable_nb_elements=True, *_, **__):
        return tuple(self.pylist(nb_elements, variable_nb_elements))

    def pyset(self, nb_elements=10, variable_nb_elements=True, *_, **__):
        return set(self.pylist(nb_elements, variable_nb_elements))

    def pydict(self, nb_elements=10, variable_nb_elements=True, *_, **__):
        return {self.pystr(): value for value in self.pylist(nb_elements, variable_nb_elements)}

    def null_boolean(self):
        return self.random.choice((None, True, False))

    def randomize_nb_elements(self, number=10, le=False, ge=False, min=None, max=None):
        """A number of about 60 to 140 per cent; `le` and `ge` leave one side."""
        drawn = int(number * self.random.randint(100 if ge else 60, 100 if le else 140) / 100)
        drawn = drawn if min is None or drawn > min else min
        return drawn if max is None or drawn < max else max

    def random_digit_or_empty(self):
        return self.random.choice((*range(10), ''))

    def random_digit_not_null_or_empty(self):
        return self.random.choice((*range(1, 10), ''))

    def hexify(self, text='^^^^', upper=False):
        letters = string.digits + ('ABCDEF' if upper else 'abcdef')
        return ''.join(self.random.choice(letters) if char == '^' else char for char in text)

    def json(self, data_columns=None, num_rows=10, indent=None, *_, **__):
        """A list of people, each with `name` and `residency`; or rows of `data_columns`, {name: method}."""
        columns = data_columns or {'name': 'name', 'residency': 'address'}
        rows = [{name: self.format(method) for name, method in dict(columns).items()} for _ in range(num_rows)]
        return _json.dumps(rows[0] if num_rows == 1 else rows, indent=indent, default=str)

    # People, places and languages

    def first_romanized_name(self):
        return self.romanized_name().split()[0]

    def last_romanized_name(self):
        return self.romanized_name().split()[-1]

    def first_name_nonbinary(self):
        return self.first_name()

    def name_nonbinary(self):
        return self.name()

    def last_name_nonbinary(self):
        return self.last_name()

    def prefix(self):
        return ''

    prefix_female = prefix_male = prefix_nonbinary = suffix = suffix_female = suffix_male = suffix_nonbinary = prefix

    def coordinate(self, center=None, radius=0.001):
        if center is None:
            return Decimal(str(round(self.random.uniform(-180, 180), 6)))
        return round(Decimal(str(self.random.uniform(center - radius, center + radius))), 6)

    def latlng(self):
        return (self.latitude(), self.longitude())

    def current_country(self):
        return "People's Republic of China"

    def current_country_code(self):
        return 'CN'

    def country_calling_code(self):
        return self.random.choice(('+86', '+852', '+853', '+81', '+82', '+1', '+44', '+33', '+49'))

    def msisdn(self):
        return f'86{self.phone_number()}'

    def language_code(self):
        return self.random.choice(('zh', 'en', 'ja', 'ko', 'fr', 'de', 'es', 'ru'))

    def language_name(self):
        return self.random.choice(('Chinese', 'English', 'Japanese', 'Korean', 'French', 'German', 'Spanish', 'Russian'))

    def locale(self):
        return self.random.choice(('zh_CN', 'en_US', 'ja_JP', 'ko_KR', 'fr_FR', 'de_DE'))

    # Standard numbers

    def isbn13(self, separator='-'):
        body = '9787' + self.numerify('########')
        check = -sum(int(digit) * (1 + index % 2 * 2) for index, digit in enumerate(body)) % 10
        return separator.join((body[:3], body[3], body[4:7], body[7:12], str(check)))

    def isbn10(self, separator='-'):
        body = '7' + self.numerify('########')
        check = sum(int(digit) * (index + 1) for index, digit in enumerate(body)) % 11
        return separator.join((body[0], body[1:4], body[4:9], 'X' if check == 10 else str(check)))

    def ean8(self):
        body = '69' + self.numerify('#####')
        return body + str(-sum(int(digit) * (3 - index % 2 * 2) for index, digit in enumerate(body)) % 10)

    def upc_a(self, *_, **__):
        body = self.numerify('###########')
        return body + str(-sum(int(digit) * (3 - index % 2 * 2) for index, digit in enumerate(body)) % 10)

    def bban(self):
        return self.bothify('????', string.ascii_uppercase) + self.numerify('#' * 14)

    def iban(self):
        """With the check digits of ISO 13616."""
        bban = self.bban()
        number = ''.join(str(int(char, 36)) for char in f'{bban}GB00')
        return f'GB{98 - int(number) % 97:02d}{bban}'

    def swift(self, length=None, *_, **__):
        code = f'{self.lexify("????", string.ascii_uppercase)}CN{self.bothify("??", string.ascii_uppercase)}'
        return code + ('' if (length or self.random.choice((8, 11))) == 8 else self.lexify('???', string.ascii_uppercase))

    def swift8(self, *_, **__):
        return self.swift(8)

    def swift11(self, *_, **__):
        return self.swift(11)

    def credit_card_provider(self, card_type=None):
        return self.random.choice(_CARDS)

    def currency(self):
        return self.random.choice(_CURRENCIES)

    def currency_name(self):
        return self.currency()[1]

    def currency_symbol(self, code=None):
        return self.random.choice(('¥', '$', '€', '£'))

    def pricetag(self):
        return f'¥{self.random.randint(1, 99999) / 100:,.2f}'

    # Dates and times

    def century(self):
        return self.random.choice(('I', 'V', 'X', 'XV', 'XVI', 'XVII', 'XVIII', 'XIX', 'XX', 'XXI'))

    def time_object(self, end_datetime=None):
        return self.date_time(end_datetime=end_datetime).time()

    def time_delta(self, end_datetime=None):
        end = self._moment(end_datetime, 'now')
        return timedelta(seconds=self.random.randint(0, max(0, int((end - datetime.now()).total_seconds()))))

    def date_between_dates(self, date_start=None, date_end=None):
        return self.date_between(date_start or 0, date_end or 'today')

    def date_time_between_dates(self, datetime_start=None, datetime_end=None, tzinfo=None):
        return self.date_time_between(datetime_start or 0, datetime_end or 'now', tzinfo)

    def date_time_ad(self, tzinfo=None, *_, **__):
        return self.date_time_between(datetime(1, 1, 1), 'now', tzinfo)

    def date_this_decade(self, *_, **__):
        return self.date_between(date(date.today().year // 10 * 10, 1, 1), 'today')

    def date_this_century(self, *_, **__):
        return self.date_between(date(2000, 1, 1), 'today')

    def date_time_this_decade(self, *_, **__):
        return self.date_time_between(date(date.today().year // 10 * 10, 1, 1), 'now')

    def date_time_this_century(self, *_, **__):
        return self.date_time_between(date(2000, 1, 1), 'now')

    def pytimezone(self):
        """A tzinfo."""
        from zoneinfo import ZoneInfo

        return ZoneInfo('Asia/Shanghai')

    # The internet, words and colours

    def ascii_company_email(self):
        return self.company_email()

    def safe_domain_name(self):
        return f'example.{self.random.choice(("com", "net", "org"))}'

    def uri_page(self):
        return self.random.choice(('index', 'home', 'search', 'main', 'post', 'about', 'list', 'login'))

    def uri_extension(self):
        return self.random.choice(('.html', '.htm', '.php', '.jsp', '.asp'))

    def bs(self):
        return ' '.join((self.word(), self.word(), self.word()))

    def safe_color_name(self):
        return self.random.choice(_COLORS)

    def safe_hex_color(self):
        return '#' + ''.join(2 * digit for digit in self.hexify('^^^'))

    def rgb_css_color(self):
        return f'rgb({self.rgb_color()})'

    def unix_device(self, prefix=None):
        return f'/dev/{prefix or self.random.choice(("sd", "vd", "xvd"))}{self.random.choice(string.ascii_lowercase)}'

    def unix_partition(self, prefix=None):
        return f'{self.unix_device(prefix)}{self.random.randint(1, 9)}'

    def nic_handle(self, suffix='FAKE'):
        return f'{self.lexify("????", string.ascii_uppercase)}{self.random.randint(1, 9999)}-{suffix}'
