"""Where brokers say that they are there, and clients and workers hear of them.

python examples/majordomo/registrar.py
"""

from compysition import Director
from compysition.actors import STDOUT, MDPBrokerRegistrationService

director = Director()
director.register_actor(MDPBrokerRegistrationService, "registrar")
director.register_log_actor(STDOUT, "log", timestamp=True)
director.start()
