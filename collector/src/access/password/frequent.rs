//! The passwords that are tried first: those of ten characters or more, as shorter ones may not be chosen anyway.
//!
//! Sequences of keys and digits, names of teams, products and people with the usual endings, in English and Portuguese.

/// Whether a password in lower case is among them.
pub(super) fn is_common(plain: &str) -> bool {
    COMMON.binary_search(&plain).is_ok()
}

/// In order, so that it can be searched by halves.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "0000000001", "0123456789", "01234567890", "0987654321", "09876543210", "1029384756", "1111111112", "1111122222",
    "1112223334", "1122334455", "11223344556", "112233445566", "1212121212", "121212121212", "1231231231", "123123123123",
    "1231234567", "123321123321", "1234123412", "123412341234", "1234512345", "1234554321", "123456123456", "123456654321",
    "1234567890", "12345678900", "12345678901", "123456789012", "1234567890a", "1234567890q", "1234567890qwertyuiop",
    "1234567891", "12345678910", "123456789101112", "1234567899", "123456789a", "123456789abc", "123456789q", "123456789z",
    "123456abcdef", "123456qwerty", "123qwe123qwe", "123qweasdzxc", "1313131313", "1357924680", "1470258369", "1472583690",
    "1478523690", "159357159357", "1593574862", "1q2w3e4r5t", "1q2w3e4r5t6y", "1q2w3e4r5t6y7u", "1q2w3e4r5t6y7u8i",
    "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc", "1qaz2wsx3edc4rfv", "1qazxsw2345", "1qazxsw23edc", "2580258025", "3141592653",
    "31415926535", "3141592654", "3692581470", "5432112345", "5678901234", "7410852963", "7894561230", "789456123a",
    "9876543210", "98765432101", "987654321a", "a123456789", "a1234567890", "a1b2c3d4e5", "a1b2c3d4e5f6", "aa12345678",
    "aaa1234567", "abc1234567", "abc12345678", "abc123456789", "abc123abc123", "abcd123456", "abcd12345678", "abcd1234abcd",
    "abcde12345", "abcdef123456", "abcdefg123", "abcdefg1234", "abcdefghij", "abcdefghijk", "abcdefghijkl", "abcdefghijklmnop",
    "abcdefghijklmnopqrstuvwxyz", "access1234", "adidas1234", "admin12345", "admin123456", "admin1234567", "admin@1234",
    "admin@12345", "admin@123456", "admin_admin", "adminadmin", "adminadmin123", "administrador", "administrator",
    "administrator1", "administrator123", "alexander1", "alexander123", "alexandre1", "alexandria", "anthony123",
    "asdasdasdasd", "asdf123456", "asdfasdfasdf", "asdfgh12345", "asdfghjkl1", "asdfghjkl12", "asdfghjkl123", "asdfghjkl;",
    "asdfghjklzxcvbnm", "asdfqwerzxcv", "azerty12345", "azerty123456", "azertyuiop", "azertyuiop1", "babygirl123", "bailey1234",
    "barcelona1", "barcelona10", "barcelona123", "baseball12", "baseball123", "basketball", "basketball1", "beautiful1",
    "beautiful123", "benfica1904", "blink182182", "botafogo1904", "bradesco123", "brasil1234", "brasil12345", "brasil2014",
    "brasil2022", "brazil1234", "butterfly1", "butterfly123", "california", "california1", "cameron123", "carlos1234",
    "carolina123", "change_me_please", "changeit123", "changeme12", "changeme123", "changeme1234", "charlie123", "charlie1234",
    "chelsea123", "chocolate1", "chocolate12", "chocolate123", "christian1", "christian123", "christopher", "christopher1",
    "cocacola12", "cocacola123", "computador", "computer12", "computer123", "consultor1", "corinthians", "corinthians1",
    "corinthians10", "corinthians1910", "cristiano7", "cristianoronaldo", "cruzeiro10", "cruzeiro1921", "daniel1234",
    "dashboard1", "dashboard123", "default123", "default1234", "deuseamor1", "deuseamor123", "deusefiel1", "deusefiel10",
    "deusefiel123", "docker1234", "dolphins13", "dragon1234", "dragonball", "dragonball1", "dragonballz", "eduardo123",
    "elizabeth1", "elizabeth123", "emmanuel123", "entrar1234", "everything1", "facebook12", "facebook123", "familia123",
    "felicidade", "fernanda123", "fernando123", "flamengo10", "flamengo12", "flamengo123", "flamengo1981", "flamengo2019",
    "fluminense", "fluminense1", "football10", "football12", "football123", "forever123", "fortaleza1", "fuckyou123",
    "fuckyou1234", "gabriel123", "gabriel1234", "gabriela123", "garfield12", "gateway123", "giovanna123", "google1234",
    "graciedog1", "grafana123", "gremio1903", "guest12345", "guilherme1", "guilherme123", "hannah1234", "hello12345",
    "hello123456", "helloworld", "helloworld1", "iloveyou10", "iloveyou11", "iloveyou12", "iloveyou123", "iloveyou1234",
    "iloveyou12345", "iloveyou2!", "iloveyou22", "iloveyouso", "iloveyousomuch", "incorrect1", "information", "internacional",
    "internet12", "internet123", "isabella123", "jennifer12", "jennifer123", "jessica123", "jesus12345", "jesuscristo",
    "jesuscristo1", "jesuscristo123", "jesusteama", "jesusteama1", "jonathan12", "jonathan123", "jordan2323", "juliana123",
    "justinbieber", "justinbieber1", "juventude1", "killer1234", "letmein!!!", "letmein123", "letmein1234", "letmein12345",
    "linkinpark", "linkinpark1", "liverpool1", "liverpool12", "liverpool123", "liverpool8", "lovelovelove", "loveyou123",
    "lucas12345", "manchester", "manchester1", "manchesterunited", "marcelo123", "maria12345", "mariaeduarda", "mariana123",
    "marlboro123", "master1234", "master12345", "master123456", "matheus123", "maverick123", "mercedes123", "metallica1",
    "metallica123", "michael123", "michael1234", "microsoft1", "microsoft123", "minecraft1", "minecraft12", "minecraft123",
    "minhasenha", "minhasenha1", "minhasenha123", "monitoring", "monitoring1", "monitoring123", "monkey1234", "monkey12345",
    "motorola123", "mudar12345", "mudar@1234", "mudarsenha", "mustang123", "mypassword", "mypassword1", "mypassword123",
    "mysecretpassword", "naruto1234", "nascimento", "natalia123", "nicholas123", "nirvana123", "nosso12345", "oliveira123",
    "operator12", "operator123", "orlando123", "p@55w0rd123", "p@ssw0rd!1", "p@ssw0rd12", "p@ssw0rd123", "p@ssw0rd1234",
    "p@ssword12", "p@ssword123", "p@ssword1234", "pa$$w0rd12", "pa$$w0rd123", "palmeiras1", "palmeiras10", "palmeiras123",
    "palmeiras1914", "pass123456", "pass1234567", "pass12345678", "pass@12345", "passpass123", "passw0rd12", "passw0rd123",
    "passw0rd1234", "password!!", "password!1", "password!123", "password00", "password01", "password02", "password07",
    "password1!", "password10", "password11", "password12", "password123", "password123!", "password1234", "password12345",
    "password123456", "password13", "password18", "password1?", "password2023", "password2024", "password2025", "password2026",
    "password21", "password22", "password23", "password321", "password69", "password77", "password88", "password99",
    "password@1", "password@12", "password@123", "passwordpassword", "passwort123", "paulista10", "peterpan123", "photography",
    "pineapple1", "playstation", "playstation3", "pokemon123", "pokemon1234", "portugal123", "postgres12", "postgres123",
    "postgres1234", "princesa123", "princess10", "princess11", "princess12", "princess123", "princess1234", "q1w2e3r4t5",
    "q1w2e3r4t5y6", "q1w2e3r4t5y6u7", "q1w2e3r4t5y6u7i8", "qazwsx1234", "qazwsx12345", "qazwsx123456", "qazwsxedc1",
    "qazwsxedc12", "qazwsxedc123", "qazwsxedcrfv", "qazxsw1234", "qazxswedc1", "qqqqqwwwww", "qwe123qwe123", "qweasd123456",
    "qweasdzxc1", "qweasdzxc12", "qweasdzxc123", "qweqweqweqwe", "qwer123456", "qwer1234qwer", "qwerasdfzxcv", "qwert12345",
    "qwert123456", "qwert54321", "qwerty0123", "qwerty123!", "qwerty1234", "qwerty12345", "qwerty123456", "qwerty1234567",
    "qwerty123456789", "qwerty2024", "qwerty2025", "qwerty7890", "qwertyasdf", "qwertyasdfgh", "qwertyqwerty", "qwertyuiop",
    "qwertyuiop1", "qwertyuiop12", "qwertyuiop123", "qwertyuiop1234567890", "qwertyuiop[]", "qwertyuiop[]\\",
    "qwertyuiopasdfghjkl", "qwertyuiopasdfghjklzxcvbnm", "qwertz1234", "qwertzuiop", "rabbitmq12", "rabbitmq123", "rafael1234",
    "raspberry1", "rastafari1", "realmadrid", "realmadrid1", "redis12345", "remember123", "ricardo123", "ricardo1234",
    "richard123", "roberto123", "rockstar123", "rodrigo123", "ronaldinho", "ronaldinho10", "ronaldo123", "root123456",
    "root12345678", "rootroot123", "rootrootroot", "salvador123", "samantha123", "samsung123", "samsung1234", "santos1912",
    "saopaulo10", "saopaulo12", "saopaulo123", "saopaulofc", "saopaulofc1", "scooby1234", "secret1234", "secret12345",
    "secret123456", "secretsecret", "senha12345", "senha123456", "senha1234567", "senha12345678", "senha123456789",
    "senha@1234", "senha@12345", "senha@123456", "senhaforte", "senhaforte1", "senhasegura", "senhasenha", "sentry1234",
    "shadow1234", "shadow12345", "simplesmente", "snowboard1", "snowboarding", "snowflake1", "softball12", "spiderman1",
    "spiderman12", "spiderman123", "spongebob1", "spongebob123", "standard12", "starcraft2", "starwars12", "starwars123",
    "stephanie1", "stephanie123", "strawberry", "strawberry1", "summer1234", "summer2024", "summer2025", "sunshine10",
    "sunshine12", "sunshine123", "superadmin", "superadmin1", "superadmin123", "superman12", "superman123", "superman1234",
    "supersecret", "supersecret1", "superstar1", "superuser1", "superuser123", "support123", "support1234", "system1234",
    "system12345", "t3st123456", "test123456", "test1234567", "test12345678", "test1234test", "testando123", "teste12345",
    "teste123456", "teste@1234", "tester1234", "testing123", "testing1234", "testpassword", "testtest12", "testtest123",
    "testtesttest", "thequickbrownfox", "thiago1234", "thomas1234", "trabalho123", "transformers", "trustno1trustno1",
    "trustnoone", "trustnoone1", "undertaker", "undertaker1", "universidade", "university", "user123456", "user12345678",
    "usuario123", "vagrant123", "vasco12345", "vascodagama", "vascodagama1", "victoria12", "victoria123", "vinicius123",
    "volleyball", "volleyball1", "warcraft123", "webmaster1", "webmaster123", "welcome012", "welcome123", "welcome123!",
    "welcome1234", "welcome12345", "welcome2024", "welcome2025", "welcome2026", "welcome@12", "welcome@123", "whatever12",
    "whatever123", "william123", "windows123", "winner1234", "winston123", "winter2024", "winter2025", "wordpress1",
    "wordpress123", "xbox360360", "yankees123", "zaq123456789", "zaq12wsxcde3", "zaq1xsw2cde3", "zaqwsx1234", "zaqxswcde1",
    "zxcvbn1234", "zxcvbn12345", "zxcvbn123456", "zxcvbnm,./", "zxcvbnm123", "zxcvbnm1234", "zxcvbnm12345", "zxcvbnmasdfghjkl",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_holds_nothing_that_is_refused_anyway() {
        assert!(COMMON.is_sorted());
        assert!(COMMON.iter().all(|word| word.len() >= super::super::CHARACTERS_MIN && word.to_lowercase() == *word));
    }
}
