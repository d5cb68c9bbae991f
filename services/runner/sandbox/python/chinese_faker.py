"""`fk`: made-up Chinese people, addresses, companies and the everyday values of test data.

The method names are those of the Faker package's zh_CN providers; numbers that have check digits have right ones.
"""
import hashlib
import random as _random
import re
import string
import uuid
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import chinese_names as names
from rarer_values import RarerValues

_OFFSET = re.compile(r'([+-]?\d+)\s*([yMwdhms])')
_UNITS = {'y': 'days', 'M': 'days', 'w': 'weeks', 'd': 'days', 'h': 'hours', 'm': 'minutes', 's': 'seconds'}
_DAYS = {'y': 365.25, 'M': 30.42}


class Faker(RarerValues):
    """A source of values of its own; `seed_instance` makes them repeat."""

    def __init__(self, locale='zh_CN', *_, **__):
        self.locales = [locale] if isinstance(locale, str) else list(locale or ())
        self.random = _random.Random()

    def seed_instance(self, seed=None):
        self.random.seed(seed)
        return self

    @staticmethod
    def seed(seed=None):
        fk.random.seed(seed)

    @property
    def unique(self):
        return self.__dict__.setdefault('_unique', _Unique(self))

    def format(self, name, *args, **kwargs):
        return getattr(self, name)(*args, **kwargs)

    # Choices and numbers

    def random_element(self, elements=('a', 'b', 'c')):
        return self.random.choice(list(elements))

    def random_choices(self, elements=('a', 'b', 'c'), length=None):
        elements = list(elements)
        return self.random.choices(elements, k=self.random.randint(1, len(elements)) if length is None else length)

    def random_elements(self, elements=('a', 'b', 'c'), length=None, unique=False):
        return self.random_sample(elements, length) if unique else self.random_choices(elements, length)

    def random_sample(self, elements=('a', 'b', 'c'), length=None):
        elements = list(elements)
        return self.random.sample(elements, self.random.randint(1, len(elements)) if length is None else length)

    def random_int(self, min=0, max=9999, step=1):
        return self.random.randrange(min, max + 1, step)

    def random_digit(self):
        return self.random.randint(0, 9)

    def random_digit_not_null(self):
        return self.random.randint(1, 9)

    def random_number(self, digits=None, fix_len=False):
        digits = self.random.randint(1, 9) if digits is None else digits
        return self.random.randint(10 ** (digits - 1) if fix_len and digits else 0, 10**digits - 1)

    def random_letter(self):
        return self.random.choice(string.ascii_letters)

    def random_letters(self, length=16):
        return self.random.choices(string.ascii_letters, k=length)

    def random_lowercase_letter(self):
        return self.random.choice(string.ascii_lowercase)

    def random_uppercase_letter(self):
        return self.random.choice(string.ascii_uppercase)

    def boolean(self, chance_of_getting_true=50):
        return self.random.randint(1, 100) <= chance_of_getting_true

    pybool = boolean

    def pyint(self, min_value=0, max_value=9999, step=1):
        return self.random_int(min_value, max_value, step)

    def pyfloat(self, left_digits=None, right_digits=None, positive=False, min_value=None, max_value=None):
        low = min_value if min_value is not None else (0 if positive else -(10 ** (left_digits or 5)))
        high = max_value if max_value is not None else 10 ** (left_digits or 5)
        return round(self.random.uniform(low, high), 5 if right_digits is None else right_digits)

    def pystr(self, min_chars=None, max_chars=20):
        length = max_chars if min_chars is None else self.random.randint(min_chars, max_chars)
        return ''.join(self.random.choices(string.ascii_letters, k=length))

    def numerify(self, text='###'):
        """`#` becomes a digit, `%` one that is not 0."""
        return ''.join(
            str(self.random_digit()) if c == '#' else str(self.random_digit_not_null()) if c == '%' else c for c in text
        )

    def lexify(self, text='????', letters=string.ascii_letters):
        return ''.join(self.random.choice(letters) if char == '?' else char for char in text)

    def bothify(self, text='## ??', letters=string.ascii_letters):
        return self.lexify(self.numerify(text), letters)

    # People

    def last_name(self):
        return self.random.choice(names.SURNAMES)

    last_name_male = last_name_female = last_name

    def first_name_male(self):
        return self.random.choice(names.MALE_GIVEN)

    def first_name_female(self):
        return self.random.choice(names.FEMALE_GIVEN)

    def first_name(self):
        return self.random.choice(names.MALE_GIVEN + names.FEMALE_GIVEN)

    def name_male(self):
        return self.last_name() + self.first_name_male()

    def name_female(self):
        return self.last_name() + self.first_name_female()

    def name(self):
        return self.last_name() + self.first_name()

    def romanized_name(self):
        return f'{self.random.choice(names.SYLLABLES).title()} {self.random.choice(names.SYLLABLES).title()}'

    def ssn(self, min_age=18, max_age=90, gender=None, area_code=''):
        """An 18-digit identity card number: area, birthday, serial (odd for men), ISO 7064 check digit."""
        born = self.date_of_birth(minimum_age=min_age, maximum_age=max_age)
        serial = self.random.randint(0, 999)
        if gender in ('M', 'F'):
            serial = serial // 2 * 2 + (gender == 'M')
        body = f'{area_code or self.random.choice(names.AREAS)[0]}{born:%Y%m%d}{serial:03d}'
        weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        return body + '10X98765432'[sum(int(digit) * weight for digit, weight in zip(body, weights)) % 11]

    def phonenumber_prefix(self):
        return int(self.random.choice(names.MOBILE_PREFIXES))

    def phone_number(self):
        return f'{self.phonenumber_prefix()}{self.random.randint(0, 99_999_999):08d}'

    def job(self):
        return self.random.choice(names.JOBS)

    def simple_profile(self, sex=None):
        sex = sex or self.random.choice('MF')
        return {
            'username': self.user_name(),
            'name': self.name_male() if sex == 'M' else self.name_female(),
            'sex': sex,
            'address': self.address(),
            'mail': self.free_email(),
            'birthdate': self.date_of_birth(),
        }

    def profile(self, fields=None, sex=None):
        whole = {'job': self.job(), 'company': self.company(), 'ssn': self.ssn(), **self.simple_profile(sex)}
        return {name: value for name, value in whole.items() if not fields or name in fields}

    # Places

    def _area(self):
        return self.random.choice(names.AREAS)

    def province(self):
        return self._area()[1]

    administrative_unit = province

    def city(self):
        return self._area()[2]

    def city_name(self):
        return self.city()[:-1]

    def city_suffix(self):
        return '市'

    def district(self):
        return self._area()[3]

    def postcode(self):
        return self._area()[4][:3] + f'{self.random.randint(0, 999):03d}'

    zipcode = postalcode = postcode

    def street_name(self):
        return self.random.choice(names.STREETS) + self.random.choice(names.STREET_SUFFIXES)

    def street_suffix(self):
        return self.random.choice(names.STREET_SUFFIXES)

    def building_number(self):
        return f'{self.random.randint(1, 999)}号'

    def street_address(self):
        return self.street_name() + self.building_number()

    def address(self):
        _, province, city, district, postcode = self._area()
        return f'{"" if province == city else province}{city}{district}{self.street_address()} {postcode}'

    def country(self):
        return self.random.choice(names.COUNTRIES)

    def country_code(self):
        return self.random.choice(('CN', 'JP', 'KR', 'US', 'GB', 'FR', 'DE', 'IT', 'SG', 'AU'))

    def latitude(self):
        return Decimal(str(round(self.random.uniform(-90, 90), 6)))

    def longitude(self):
        return Decimal(str(round(self.random.uniform(-180, 180), 6)))

    # Companies and money

    def company_prefix(self):
        return self.random.choice(names.COMPANY_STEMS)

    def company_suffix(self):
        return '有限公司'

    def company(self):
        return f'{self.company_prefix()}{self.random.choice(names.COMPANY_FIELDS)}{self.company_suffix()}'

    def large_company(self):
        return f'{self.city_name()}{self.company()}'

    def credit_card_number(self, card_type=None):
        body = '62' + ''.join(str(self.random_digit()) for _ in range(13))
        doubled = (int(digit) * (2 - index % 2) for index, digit in enumerate(reversed(body)))
        return body + str(-sum(value // 10 + value % 10 for value in doubled) % 10)

    def credit_card_expire(self):
        return f'{self.random.randint(1, 12):02d}/{(date.today().year + self.random.randint(1, 9)) % 100:02d}'

    def credit_card_security_code(self, card_type=None):
        return f'{self.random.randint(0, 999):03d}'

    def currency_code(self):
        return self.random.choice(('CNY', 'USD', 'EUR', 'GBP', 'JPY', 'HKD'))

    def license_plate(self):
        letters = string.ascii_uppercase.replace('I', '').replace('O', '')
        tail = ''.join(self.random.choices(letters + string.digits, k=5))
        return f'{self.random.choice(names.PLATES)}{self.random.choice(letters)}-{tail}'

    def ean13(self):
        body = '69' + ''.join(str(self.random_digit()) for _ in range(10))
        return body + str(-sum(int(digit) * (1 + index % 2 * 2) for index, digit in enumerate(body)) % 10)

    ean = ean13

    # Dates and times

    def _moment(self, given, default=None):
        """A datetime of 'now', 'today', '-30y', '+1d', a date, a datetime, a timedelta or a timestamp."""
        given = default if given is None else given
        now = datetime.now()
        if isinstance(given, datetime):
            return given.replace(tzinfo=None)
        if isinstance(given, date):
            return datetime(given.year, given.month, given.day)
        if isinstance(given, timedelta):
            return now + given
        if isinstance(given, (int, float)):
            return datetime.fromtimestamp(given)
        for amount, unit in _OFFSET.findall(given or ''):
            now += timedelta(**{_UNITS[unit]: int(amount) * _DAYS.get(unit, 1)})
        return now

    def date_time_between(self, start_date='-30y', end_date='now', tzinfo=None):
        start, end = self._moment(start_date), self._moment(end_date)
        moment = start + timedelta(seconds=self.random.randint(0, max(0, int((end - start).total_seconds()))))
        return moment.replace(microsecond=0, tzinfo=tzinfo)

    def date_time(self, tzinfo=None, end_datetime=None):
        return self.date_time_between(datetime(1970, 1, 1), self._moment(end_datetime, 'now'), tzinfo)

    def date_between(self, start_date='-30y', end_date='today'):
        return self.date_time_between(start_date, end_date).date()

    def date_object(self, end_datetime=None):
        return self.date_time(end_datetime=end_datetime).date()

    def date(self, pattern='%Y-%m-%d', end_datetime=None):
        return self.date_time(end_datetime=end_datetime).strftime(pattern)

    def time(self, pattern='%H:%M:%S', end_datetime=None):
        return self.date_time(end_datetime=end_datetime).strftime(pattern)

    def iso8601(self, tzinfo=None, end_datetime=None, sep='T'):
        return self.date_time(tzinfo, end_datetime).isoformat(sep)

    def unix_time(self, end_datetime=None, start_datetime=None):
        return int(self.date_time_between(self._moment(start_datetime, 0), self._moment(end_datetime, 'now')).timestamp())

    def date_of_birth(self, tzinfo=None, minimum_age=0, maximum_age=115):
        today = date.today()
        latest = today - timedelta(days=int(minimum_age * 365.25) + 1)
        earliest = today - timedelta(days=int((maximum_age + 1) * 365.25) - 1)
        return self.date_between(earliest, latest)

    def past_date(self, start_date='-30d', tzinfo=None):
        return self.date_between(start_date, '-1d')

    def future_date(self, end_date='+30d', tzinfo=None):
        return self.date_between('+1d', end_date)

    def past_datetime(self, start_date='-30d', tzinfo=None):
        return self.date_time_between(start_date, '-1s', tzinfo)

    def future_datetime(self, end_date='+30d', tzinfo=None):
        return self.date_time_between('+1s', end_date, tzinfo)

    def date_this_year(self):
        return self.date_between(date.today().replace(month=1, day=1), 'today')

    def date_this_month(self):
        return self.date_between(date.today().replace(day=1), 'today')

    def date_time_this_year(self):
        return self.date_time_between(date.today().replace(month=1, day=1), 'now')

    def date_time_this_month(self):
        return self.date_time_between(date.today().replace(day=1), 'now')

    def year(self):
        return self.date('%Y')

    def month(self):
        return self.date('%m')

    def day_of_month(self):
        return self.date('%d')

    def day_of_week(self):
        return self.random.choice(('星期一', '星期二', '星期三', '星期四', '星期五', '星期六', '星期日'))

    def month_name(self):
        return self.random.choice('一 二 三 四 五 六 七 八 九 十 十一 十二'.split()) + '月'

    def am_pm(self):
        return self.random.choice(('AM', 'PM'))

    def timezone(self):
        return self.random.choice(('Asia/Shanghai', 'Asia/Tokyo', 'Europe/London', 'America/New_York', 'UTC'))

    # The internet

    def user_name(self):
        return f'{self.random.choice(names.SYLLABLES)}{self.random.choice(names.SYLLABLES)}{self.random.choice(("", str(self.random.randint(1, 99))))}'

    def password(self, length=10, special_chars=True, digits=True, upper_case=True, lower_case=True):
        kinds = [
            alphabet
            for wanted, alphabet in (
                (special_chars, '!@#$%^&*()_+'),
                (digits, string.digits),
                (upper_case, string.ascii_uppercase),
                (lower_case, string.ascii_lowercase),
            )
            if wanted
        ]
        chars = [self.random.choice(kind) for kind in kinds] + self.random.choices(''.join(kinds), k=length)
        chars = chars[:length]
        self.random.shuffle(chars)
        return ''.join(chars)

    def email(self, *_, domain=None, **__):
        return f'{self.user_name()}@{domain or self.random.choice(names.SAFE_MAIL_HOSTS)}'

    safe_email = ascii_safe_email = ascii_email = company_email = email

    def free_email(self):
        return self.email(domain=self.random.choice(names.MAIL_HOSTS))

    ascii_free_email = free_email

    def free_email_domain(self):
        return self.random.choice(names.MAIL_HOSTS)

    def domain_word(self):
        return self.random.choice(names.SYLLABLES) + self.random.choice(names.SYLLABLES)

    def tld(self):
        return self.random.choice(('com', 'cn', 'net', 'org'))

    def domain_name(self, levels=1):
        return '.'.join([*(self.domain_word() for _ in range(levels)), self.tld()])

    def hostname(self, levels=1):
        return f'{self.random.choice(("web", "db", "srv", "lt"))}-{self.random.randint(0, 99):02d}.{self.domain_name(levels)}'

    def uri_path(self, deep=None):
        return '/'.join(self.random.choices(('app', 'main', 'list', 'tags', 'posts', 'search', 'blog'), k=deep or self.random.randint(1, 3)))

    def url(self, schemes=('http', 'https')):
        return f'{self.random.choice(list(schemes))}://www.{self.domain_name()}/'

    def uri(self):
        return self.url() + self.uri_path()

    def image_url(self, width=None, height=None):
        return f'https://picsum.photos/{width or self.random.randint(1, 1024)}/{height or self.random.randint(1, 1024)}'

    def slug(self):
        return '-'.join(self.random.choices(names.SYLLABLES, k=3))

    def ipv4(self, *_, **__):
        return '.'.join(str(part) for part in (self.random.randint(1, 223), *(self.random.randint(0, 255) for _ in range(3))))

    ipv4_public = ipv4

    def ipv4_private(self, *_, **__):
        return f'{self.random.choice(("10.%d" % self.random.randint(0, 255), "192.168"))}.{self.random.randint(0, 255)}.{self.random.randint(1, 254)}'

    def ipv6(self, *_, **__):
        return ':'.join(f'{self.random.randint(0, 0xFFFF):x}' for _ in range(8))

    def mac_address(self):
        return ':'.join(f'{self.random.randint(0, 255):02x}' for _ in range(6))

    def port_number(self, is_system=False, is_user=False, is_dynamic=False):
        low, high = (0, 1023) if is_system else (1024, 49151) if is_user else (49152, 65535) if is_dynamic else (0, 65535)
        return self.random.randint(low, high)

    def http_method(self):
        return self.random.choice(('GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'))

    def user_agent(self):
        return self.random.choice(names.USER_AGENTS)

    chrome = firefox = safari = user_agent

    def uuid4(self, cast_to=str):
        made = uuid.UUID(int=self.random.getrandbits(128), version=4)
        return cast_to(made) if cast_to else made

    def md5(self, raw_output=False):
        made = hashlib.md5(self.binary(16))
        return made.digest() if raw_output else made.hexdigest()

    def sha1(self, raw_output=False):
        made = hashlib.sha1(self.binary(16))
        return made.digest() if raw_output else made.hexdigest()

    def sha256(self, raw_output=False):
        made = hashlib.sha256(self.binary(16))
        return made.digest() if raw_output else made.hexdigest()

    def binary(self, length=1024):
        return self.random.randbytes(length)

    # Text and files

    def word(self, *_, **__):
        return self.random.choice(names.WORDS)

    def words(self, nb=3, *_, **__):
        return [self.word() for _ in range(nb)]

    def sentence(self, nb_words=6, variable_nb_words=True, *_, **__):
        count = max(1, self.random.randint(nb_words * 6 // 10, nb_words * 14 // 10)) if variable_nb_words else nb_words
        return ''.join(self.words(count)) + '.'

    def sentences(self, nb=3, *_, **__):
        return [self.sentence() for _ in range(nb)]

    def paragraph(self, nb_sentences=3, *_, **__):
        return ''.join(self.sentences(nb_sentences))

    def paragraphs(self, nb=3, *_, **__):
        return [self.paragraph() for _ in range(nb)]

    def text(self, max_nb_chars=200, *_, **__):
        made = ''
        while len(made) < max_nb_chars:
            made += self.sentence()
        return made[: max_nb_chars - 1] + '.'

    def texts(self, nb_texts=3, max_nb_chars=200, *_, **__):
        return [self.text(max_nb_chars) for _ in range(nb_texts)]

    def catch_phrase(self):
        return ''.join(self.words(3))

    def file_extension(self, category=None):
        return self.random.choice(('txt', 'csv', 'json', 'pdf', 'docx', 'xlsx', 'png', 'jpg', 'mp3', 'mp4'))

    def file_name(self, category=None, extension=None):
        return f'{self.word()}.{extension or self.file_extension()}'

    def file_path(self, depth=1, category=None, extension=None):
        return '/' + '/'.join([*self.words(depth), self.file_name(category, extension)])

    def mime_type(self, category=None):
        return self.random.choice(('text/plain', 'application/json', 'image/png', 'image/jpeg', 'application/pdf'))

    def color_name(self):
        return self.random.choice(names.COLORS)

    def hex_color(self):
        return f'#{self.random.randint(0, 0xFFFFFF):06x}'

    color = hex_color

    def rgb_color(self):
        return ','.join(str(self.random.randint(0, 255)) for _ in range(3))


class _Unique:
    """Values never given before by the same method and arguments."""

    def __init__(self, source):
        self._source, self._given = source, {}

    def clear(self):
        self._given.clear()

    def __getattr__(self, name):
        method = getattr(self._source, name)

        def fresh(*args, **kwargs):
            given = self._given.setdefault((name, args, tuple(sorted(kwargs.items()))), set())
            for _ in range(1000):
                value = method(*args, **kwargs)
                if value not in given:
                    given.add(value)
                    return value
            raise ValueError(f'fk.unique.{name}: no unused value left')

        return fresh


fk = Faker()
