//! Names of the built-in rules in Portuguese, for channels that speak it.

/// English name, Portuguese name.
const NAMES: &[(&str, &str)] = &[
    ("Requests fail", "Requisições falham"),
    ("Requests are slow (P95)", "Requisições lentas (P95)"),
    ("Messages are not sent", "Mensagens não são enviadas"),
    ("CPU of a host near its limit", "CPU do host perto do limite"),
    ("CPU of a container near its limit", "CPU do container perto do limite"),
    ("Memory of a host near its limit", "Memória do host perto do limite"),
    ("Memory of a container near its limit", "Memória do container perto do limite"),
    ("Disk nearly full", "Disco quase cheio"),
    ("Disk full within a day", "Disco cheio em menos de um dia"),
    ("Kernel killed a process of a host for want of memory", "Kernel encerrou um processo do host por falta de memória"),
    (
        "Kernel killed a process of a container for want of memory",
        "Kernel encerrou um processo do container por falta de memória",
    ),
    ("Container held back by its CPU quota", "Container contido por sua cota de CPU"),
    ("Agent silent", "Agente sem contato"),
    ("Agent lost samples", "Agente perdeu amostras"),
    ("Check offline", "Verificação fora do ar"),
    ("Certificate expires soon", "Certificado perto de vencer"),
    ("Integration does not answer", "Integração não responde"),
    ("Cache seldom hits", "Cache com baixa taxa de acerto"),
    ("Redis near its memory limit", "Redis perto do limite de memória"),
    ("Redis evicts keys for want of memory", "Redis descarta chaves por falta de memória"),
    ("Redis turns connections away", "Redis recusa conexões"),
    ("Redis cannot write to disk", "Redis não consegue gravar em disco"),
    ("PostgreSQL replica far behind", "Réplica do PostgreSQL muito atrasada"),
    ("RabbitMQ takes no messages (memory or disk alarm)", "RabbitMQ não aceita mensagens (alarme de memória ou disco)"),
    ("RabbitMQ near its memory limit", "RabbitMQ perto do limite de memória"),
    ("Queue of RabbitMQ grows", "Fila do RabbitMQ cresce"),
    ("Queue of Celery grows", "Fila do Celery cresce"),
    ("Worker of Celery went offline", "Worker do Celery saiu do ar"),
    ("No worker of Celery is online", "Nenhum worker do Celery no ar"),
    ("Tasks of Celery are stuck", "Tarefas do Celery travadas"),
    ("Users meet crashes (Sentry)", "Usuários com falhas (Sentry)"),
    ("Many new issues (Sentry)", "Muitos erros novos (Sentry)"),
    ("Transactions fail (Sentry)", "Transações falham (Sentry)"),
    ("Deployment failed", "Deploy falhou"),
    ("CPU near its limit (hosting)", "CPU perto do limite (hospedagem)"),
    ("Memory near its limit (hosting)", "Memória perto do limite (hospedagem)"),
    ("Disk nearly full (hosting)", "Disco quase cheio (hospedagem)"),
];

/// The name of a rule in Portuguese; a name that is nobody's but the user's stays as it is.
#[must_use]
pub fn in_portuguese(name: &str) -> &str {
    NAMES.iter().find(|(english, _)| *english == name).map_or(name, |(_, portuguese)| portuguese)
}

#[cfg(test)]
mod tests {
    use super::{NAMES, in_portuguese};
    use crate::alert::builtin;

    #[test]
    fn every_built_in_rule_has_a_portuguese_name_and_no_name_is_left_over() {
        let mut rules: Vec<String> = builtin::all().map(|rule| rule.name).collect();
        let mut names: Vec<String> = NAMES.iter().map(|(english, _)| (*english).to_owned()).collect();
        rules.sort();
        rules.dedup();
        names.sort();
        assert_eq!(rules, names);
        assert_eq!(in_portuguese("Loja fora do ar"), "Loja fora do ar");
        assert_eq!(in_portuguese("Agent silent"), "Agente sem contato");
    }
}
